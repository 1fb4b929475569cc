import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useCallback } from "react";
import { ApiProblem, type Tagged } from "../../api/client";
import { keys } from "../../api/keys";
import {
  type Connection,
  type Definition,
  useTestConnection,
  useUpdateConnection,
} from "../../api/queries-connections";
import type { Connector } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { DraftGuard, useDraft } from "../../ui/draft";
import { fieldErrors } from "../../ui/fieldErrors";
import { fieldPaths, withoutSecrets } from "../../ui/form/model";
import { SchemaForm } from "../../ui/form/SchemaForm";
import { notify } from "../../ui/notify";
import { ErrorBox, Note } from "../../ui/states";
import { DeleteSource } from "./DeleteSource";
import { CheckResult } from "./parts/CheckResult";
import { Conflict } from "./parts/Conflict";
import { checkErrors } from "./parts/checkErrors";
import { TunnelKey } from "./tunnel/TunnelKey";

interface SourceEditProps {
  source: Tagged<Connection>;
  connector: Connector | undefined;
}

/** The settings of a source: edited here, or only shown where a file has them. */
export function SourceEdit({ source: { value: source, etag }, connector }: SourceEditProps) {
  const { name, definition: saved, origin, place } = source;
  const fields = connector?.fields ?? [];
  const may = useMay("connect");
  const managed = origin === "file";
  const keep = useCallback(
    (definition: Definition) => withoutSecrets(connector?.fields ?? [], definition),
    [connector],
  );
  const draft = useDraft(`source/${name}`, saved, { keep });
  const update = useUpdateConnection("sources");
  const test = useTestConnection("sources");
  const cache = useQueryClient();
  const busy = update.isPending || test.isPending;
  const paths = fieldPaths(fields);

  const failure = update.error ?? test.error;
  const edited = isEdited(failure);
  const conflict = edited || draft.stale;
  const { at, rest } = fieldErrors(edited ? null : failure, `sources.${name}`, paths);

  function reset() {
    update.reset();
    test.reset();
  }
  function tryIt() {
    reset();
    test.mutate({ name, definition: draft.value });
  }
  async function save() {
    reset();
    try {
      await update.mutateAsync({ name, etag, definition: draft.value });
    } catch (error) {
      // It stands in `update.error`. What somebody else saved meanwhile is shown beside it.
      if (isEdited(error)) await cache.invalidateQueries({ queryKey: keys.connection("sources", name) });
      return;
    }
    draft.done();
    notify.ok(`${name} is saved. Its next runs use these settings.`);
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (draft.dirty && !conflict) void save();
  };

  const locked = managed || !may;
  const key = (
    <TunnelKey
      source={saved.ssh_tunnel ? name : undefined}
      unsaved={moved(draft.value, saved)}
      readOnly={!may}
    />
  );
  return (
    <div className="pad source-edit">
      <form className="stack-v connect-form" onSubmit={submit} noValidate aria-label={`Settings of ${name}`}>
        {managed && (
          <Note>
            This source is managed in {place.replace(/:\d+$/, "")}. Change it there; the service reads the
            file again when it gets the signal SIGHUP.
          </Note>
        )}
        {!managed && !may && <Note>Owners change connections. Here you see how this one is set up.</Note>}
        {draft.restored && !conflict && (
          <Note>
            Changes that you had not saved are back. Secrets are never kept in the browser: type them again.
          </Note>
        )}
        {conflict && (
          <Conflict
            theirs={source}
            mine={draft.value}
            takeTheirs={() => {
              reset();
              draft.discard();
            }}
            keepMine={() => void save()}
          />
        )}
        <SchemaForm
          fields={fields}
          value={draft.value}
          onChange={draft.set}
          saved={saved}
          errors={{ ...checkErrors(test.data, paths), ...at }}
          disabled={locked}
          after={{ ssh_tunnel: key }}
        />
        <ErrorBox error={rest} />
        {test.data && <CheckResult check={test.data} />}
        {!locked && (
          <div className="row-h wrap form-foot">
            {!connector?.receives && (
              <Button loading={test.isPending} disabled={busy} onClick={tryIt}>
                Test connection
              </Button>
            )}
            <span className="push" />
            {draft.dirty && (
              <Button
                variant="subtle"
                disabled={busy}
                onClick={() => {
                  reset();
                  draft.discard();
                }}
              >
                Discard changes
              </Button>
            )}
            <Button
              type="submit"
              variant="filled"
              loading={update.isPending}
              disabled={busy || !draft.dirty || conflict}
            >
              Save
            </Button>
          </div>
        )}
      </form>
      {!locked && <DeleteSource source={source} etag={etag} />}
      <DraftGuard draft={draft} />
    </div>
  );
}

const isEdited = (error: unknown) => error instanceof ApiProblem && error.code === "edited";

/** Whether the way to the database is another one than that which is saved: its key would be for the wrong place. */
function moved(now: Definition, saved: Definition): boolean {
  return (["host", "port", "ssh_tunnel"] as const).some(
    (name) => JSON.stringify(now[name]) !== JSON.stringify(saved[name]),
  );
}
