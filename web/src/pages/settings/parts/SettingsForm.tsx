import { Button } from "@mantine/core";
import { type FormEvent, type ReactNode, useEffect } from "react";
import type { Tagged } from "../../../api/client";
import {
  type Setting,
  useEffectiveSettings,
  useSaveSettings,
  useSettings,
} from "../../../api/queries-settings";
import { DraftGuard, useDraft } from "../../../ui/draft";
import { fieldErrors } from "../../../ui/fieldErrors";
import { withKey } from "../../../ui/form/model";
import { SchemaField } from "../../../ui/form/SchemaField";
import { notify } from "../../../ui/notify";
import { ErrorBox, Loaded, Note } from "../../../ui/states";
import { merged, picked, type Values } from "./dotted";
import { Origin } from "./Origin";

interface SettingsFormProps {
  /** Names the draft. */
  of: string;
  /** Which settings are edited here. */
  wanted: (setting: Setting) => boolean;
  /** A heading before the fields of a group, by its name. */
  heads?: Readonly<Record<string, ReactNode>>;
  /** Changes what is edited, once: a link from elsewhere said so. */
  suggest?: (values: Values, settings: readonly Setting[]) => Values;
}

/** Some of the service's settings, each with where its value comes from; findings at their field. */
export function SettingsForm(props: SettingsFormProps) {
  const settings = useSettings();
  const effective = useEffectiveSettings();
  return (
    <Loaded query={settings}>
      {(saved) => (
        <Loaded query={effective}>
          {(all) => <Form {...props} saved={saved} settings={all.filter(props.wanted)} />}
        </Loaded>
      )}
    </Loaded>
  );
}

interface FormProps extends SettingsFormProps {
  saved: Tagged<{ definition: Record<string, unknown> }>;
  settings: readonly Setting[];
}

function Form({ of, saved, settings, heads = {}, suggest }: FormProps) {
  const names = settings.map(({ name }) => name);
  const draft = useDraft<Values>(`settings/${of}`, picked(saved.value.definition, names));
  const save = useSaveSettings();
  const { at, rest } = fieldErrors(save.error, "service", names);
  useSuggestion(suggest && (() => draft.set((old) => suggest(old, settings))));

  function submit(event: FormEvent) {
    event.preventDefault();
    save.mutate(
      { etag: saved.etag, definition: merged(saved.value.definition, names, draft.value) },
      {
        onSuccess: () => {
          draft.done();
          notify.ok("The settings are saved. They count from now on.");
        },
      },
    );
  }
  return (
    <form className="drawer-form" onSubmit={submit} noValidate>
      {draft.restored && <Note>Unsaved changes were restored.</Note>}
      {settings.map((setting, index) => {
        const { name, field, value, editable } = setting;
        const group = groupOf(name);
        const first = group !== groupOf(settings[index - 1]?.name ?? "");
        return (
          <div key={name} className="setting">
            {first && heads[group]}
            <SchemaField
              field={field}
              value={editable ? draft.value[name] : value}
              onChange={(value) => draft.set(withKey(draft.value, name, value))}
              error={at[name]}
              disabled={!editable}
            />
            <Origin
              setting={setting}
              here={draft.value[name] !== undefined}
              reset={() => draft.set(withKey(draft.value, name, undefined))}
            />
          </div>
        );
      })}
      <ErrorBox error={rest} />
      <div className="row-h">
        <Button type="submit" variant="filled" disabled={!draft.dirty} loading={save.isPending}>
          Save settings
        </Button>
        {draft.dirty && (
          <Button variant="subtle" onClick={draft.discard}>
            Undo changes
          </Button>
        )}
      </div>
      <DraftGuard draft={draft} />
    </form>
  );
}

function useSuggestion(take: (() => void) | undefined): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page is opened
  useEffect(() => take?.(), []);
}

const groupOf = (name: string) => (name.includes(".") ? (name.split(".")[0] ?? "") : "");
