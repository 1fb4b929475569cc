import { Button, Checkbox, TagsInput, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiProblem, type Tagged } from "../../../api/client";
import { type Channel, useSaveChannel } from "../../../api/queries-alerts";
import type { Definition } from "../../../api/queries-connections";
import { useSyncs } from "../../../api/queries-syncs";
import { fieldErrors } from "../../../ui/fieldErrors";
import { withKey } from "../../../ui/form/model";
import { SchemaField } from "../../../ui/form/SchemaField";
import { notify } from "../../../ui/notify";
import { ErrorBox } from "../../../ui/states";
import { Choices } from "./Choices";
import { type ChannelType, FIELDS, PATHS, THRESHOLDS, TROUBLES, TYPES } from "./channels";

interface ChannelFormProps {
  /** Null: a new one. */
  found: Tagged<Channel> | null;
  onSaved: () => void;
  disabled?: boolean;
}

/** An alert channel: where it leads, and what it is told. */
export function ChannelForm({ found, onSaved, disabled = false }: ChannelFormProps) {
  const saved: Definition = found?.value.definition ?? { type: "email" };
  const [name, setName] = useState(found?.value.name ?? "");
  const [made, setMade] = useState<Definition>(saved);
  const save = useSaveChannel();
  const type = made.type as ChannelType;
  const { at, rest } = fieldErrors(save.error, `alerts.${name}`, PATHS);
  const named = nameError(save.error);
  const set = (key: string) => (value: unknown) => setMade(withKey(made, key, value));
  const fields = (list: (typeof FIELDS)[ChannelType]) =>
    list.map((field) => (
      <SchemaField
        key={type + field.name}
        field={field}
        value={made[field.name]}
        saved={saved.type === type ? saved[field.name] : undefined}
        onChange={set(field.name)}
        error={at[field.name]}
        disabled={disabled}
      />
    ));

  function submit(event: FormEvent) {
    event.preventDefault();
    save.mutate(
      { name, etag: found?.etag ?? null, definition: made },
      {
        onSuccess: () => {
          notify.ok(`The channel ${name} is saved. Send it a test message.`);
          onSaved();
        },
      },
    );
  }
  return (
    <form className="drawer-form" onSubmit={submit} noValidate>
      {found === null && (
        <>
          <TextInput
            label="Name"
            description="Small letters, figures, - and _."
            placeholder="team"
            data-autofocus
            required
            autoComplete="off"
            spellCheck={false}
            error={named}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
          {/* What belongs to the type that is left does not belong to the other. */}
          <Choices
            label="How"
            choices={TYPES}
            value={type}
            onChange={(next) => setMade(retyped(made, next))}
          />
        </>
      )}
      {at.type && <p className="m-error">{at.type}</p>}
      {fields(FIELDS[type] ?? [])}
      <Told made={made} set={set} errors={at} disabled={disabled} />
      {fields(THRESHOLDS)}
      {!named && <ErrorBox error={rest} />}
      {!disabled && (
        <div>
          <Button type="submit" variant="filled" loading={save.isPending}>
            Save channel
          </Button>
        </div>
      )}
    </form>
  );
}

interface ToldProps {
  made: Definition;
  set: (key: string) => (value: unknown) => void;
  errors: Readonly<Record<string, string>>;
  disabled: boolean;
}

/** Which troubles of which syncs. */
function Told({ made, set, errors, disabled }: ToldProps) {
  const syncs = useSyncs().data ?? [];
  const all = TROUBLES.map(({ value }) => value);
  return (
    <>
      <Checkbox.Group
        label="Tell it when a sync is"
        description="That it is over is always told."
        error={errors.on}
        value={Array.isArray(made.on) ? made.on.map(String) : all}
        onChange={set("on")}
      >
        <div className="ticks">
          {TROUBLES.map(({ value, label, means }) => (
            <Checkbox key={value} value={value} label={label} description={means} disabled={disabled} />
          ))}
        </div>
      </Checkbox.Group>
      <TagsInput
        label="Syncs"
        description="Which are watched. Without any: all of them."
        data={syncs.map(({ name }) => name)}
        error={errors.syncs}
        disabled={disabled}
        value={Array.isArray(made.syncs) ? made.syncs.map(String) : []}
        onChange={(next) => set("syncs")(next.length > 0 ? next : undefined)}
      />
    </>
  );
}

function retyped(made: Definition, type: ChannelType): Definition {
  const { to: _to, url: _url, signing_secret: _secret, ...rest } = made;
  return { ...rest, type };
}

function nameError(error: unknown): string | undefined {
  if (!(error instanceof ApiProblem)) return undefined;
  if (error.code === "name_taken") return error.message;
  return error.findings.find(({ code }) => code === "bad_name")?.message;
}
