import { Button } from "@mantine/core";
import { type FormEvent, useCallback } from "react";
import { ApiProblem, type Tagged } from "../../../api/client";
import {
  type Connection,
  type Definition,
  useTestConnection,
  useUpdateConnection,
} from "../../../api/queries-connections";
import type { Connector } from "../../../api/queries-connectors";
import { useMay } from "../../../api/queries-session";
import { DraftGuard, useDraft } from "../../../ui/draft";
import { fieldErrors } from "../../../ui/fieldErrors";
import { fieldPaths, withKey, withoutSecrets } from "../../../ui/form/model";
import { SchemaForm } from "../../../ui/form/SchemaForm";
import { notify } from "../../../ui/notify";
import { ErrorBox, Note } from "../../../ui/states";
import { CheckResult } from "./CheckResult";
import { useReload } from "./useReload";

interface DestinationFormProps {
  found: Tagged<Connection>;
  connector: Connector;
}

/** The settings of a saved destination; kept secrets stay unless they are typed anew. */
export function DestinationForm({ found, connector }: DestinationFormProps) {
  const { name, definition: saved, origin, place, findings } = found.value;
  const { fields, type } = connector;
  const connect = useMay("connect");
  const managed = origin === "file";
  const keep = useCallback((made: Definition) => withoutSecrets(fields, made), [fields]);
  const draft = useDraft<Definition>(`destination/${name}`, withKey(saved, "type", undefined), { keep });
  const update = useUpdateConnection("destinations");
  const test = useTestConnection("destinations");
  const reload = useReload("destinations", name);
  const error = fieldErrors(update.error ?? test.error, `destinations.${name}`, fieldPaths(fields));
  const conflict = update.error instanceof ApiProblem && update.error.code === "edited";
  const definition = { ...draft.value, type };

  function save(event: FormEvent) {
    event.preventDefault();
    test.reset();
    update.mutate(
      { name, etag: found.etag, definition },
      {
        onSuccess: () => {
          draft.done();
          notify.ok(`The settings of ${name} are saved.`);
        },
        onError: (failure) => failure instanceof ApiProblem && failure.code === "edited" && reload(),
      },
    );
  }
  function check() {
    update.reset();
    test.mutate({ name, definition });
  }
  function takeTheirs() {
    update.reset();
    draft.discard();
  }
  return (
    <form className="page-form" onSubmit={save} noValidate>
      <div className="beside">
        <div className="stack-v">
          {managed && (
            <Note>
              This destination stands in {place}: edit it there. The service reads the file again on SIGHUP.
            </Note>
          )}
          {!managed && !connect && <Note>Only owners change destinations.</Note>}
          {findings.map(({ where, message }) => (
            <Note key={where + message} tone="bad">
              {message}
            </Note>
          ))}
          {draft.restored && (
            <Note>Unsaved changes were restored. Secrets are not kept in the browser: type them again.</Note>
          )}
          <SchemaForm
            fields={fields}
            value={draft.value}
            onChange={draft.set}
            saved={saved}
            errors={error.at}
            disabled={managed || !connect}
          />
          <ErrorBox error={conflict ? null : error.rest} />
          {(conflict || draft.stale) && <Conflict by={found.value.updated_by} discard={takeTheirs} />}
        </div>
        <aside className="stack-v" aria-label="About this destination">
          <p className="muted">{connector.summary}</p>
          {!managed && connect && (
            <Note>Kept secrets are never shown. They stay as they are unless you type new ones.</Note>
          )}
          {test.data && <CheckResult check={test.data} />}
        </aside>
      </div>
      {!managed && connect && (
        <div className="form-foot">
          <Button type="submit" variant="filled" disabled={!draft.dirty} loading={update.isPending}>
            {draft.stale ? "Save mine over it" : "Save changes"}
          </Button>
          <Button onClick={check} loading={test.isPending}>
            Check these settings
          </Button>
          {draft.dirty && (
            <Button variant="subtle" onClick={draft.discard}>
              Undo changes
            </Button>
          )}
        </div>
      )}
      <DraftGuard draft={draft} />
    </form>
  );
}

/** Two people edited at once: nothing is lost until one of them decides. */
function Conflict({ by, discard }: { by: string; discard: () => void }) {
  return (
    <div className="note warn" role="alert">
      <div>
        <p>
          {by.replace(/^user:/, "") || "Somebody"} saved other settings while you were editing. Nothing of
          yours was saved, and nothing is lost: yours stand in this form.
        </p>
        <Button mt={8} onClick={discard}>
          Take what is saved
        </Button>
      </div>
    </div>
  );
}
