import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useRef, useState } from "react";
import { useNavigate } from "react-router";
import type { Tagged } from "../../api/client";
import type { Connection } from "../../api/queries-connections";
import type { Connector } from "../../api/queries-connectors";
import { useSshKeys } from "../../api/queries-ssh";
import { paths } from "../../paths";
import { DraftGuard } from "../../ui/draft";
import { SchemaForm } from "../../ui/form/SchemaForm";
import { ErrorBox, Note } from "../../ui/states";
import { Access } from "./parts/Access";
import { CheckResult } from "./parts/CheckResult";
import { TunnelKey } from "./tunnel/TunnelKey";
import { useConnect } from "./useConnect";

/** The form of a new source. It is saved when the connection works, or when its SSH key is made. */
export function ConnectForm({
  connector,
  saved,
}: {
  connector: Connector;
  saved: Tagged<Connection> | null;
}) {
  const navigate = useNavigate();
  const form = useConnect(connector, saved);
  const { value } = form.draft;
  const tunnelled = value.definition.ssh_tunnel !== undefined && value.definition.ssh_tunnel !== null;
  const ready = useTunnelReady(saved, tunnelled);
  const [early, setEarly] = useState(false); // asked for a test before the tunnel could be used
  const tunnel = useRef<HTMLDivElement>(null);

  function once(work: () => unknown) {
    setEarly(!ready);
    if (ready) void work();
    else tunnel.current?.focus();
  }

  const submit = (event: FormEvent) => {
    event.preventDefault();
    once(() => form.connect());
  };
  const settle = (name: string) =>
    navigate(`${paths.newSource(connector.type)}?${new URLSearchParams({ name })}`, { replace: true });

  const key = (
    <div ref={tunnel} tabIndex={-1} className="tunnel-anchor">
      <TunnelKey
        source={saved?.value.name}
        unsaved={saved === null || form.draft.dirty}
        save={form.save}
        saved={settle}
        saving={form.busy === "save"}
      />
    </div>
  );

  return (
    <div className="connect-columns">
      <form
        className="stack-v connect-form"
        onSubmit={submit}
        noValidate
        aria-label={`Connect ${connector.title}`}
      >
        {form.draft.restored && saved === null && (
          <Note>What you had typed is back. Secrets are never kept in the browser: type them again.</Note>
        )}
        <TextInput
          label="Name"
          description="Short, for syncs and links: a-z, 0-9, _ and -. It stays as it is later."
          placeholder={connector.receives ? "app" : "shop"}
          required
          autoComplete="off"
          spellCheck={false}
          disabled={saved !== null}
          error={form.refused?.name}
          value={value.name}
          onChange={({ currentTarget: { value: name } }) => form.change({ name })}
        />
        <SchemaForm
          fields={connector.fields}
          value={value.definition}
          onChange={(definition) => form.change({ definition })}
          {...(saved && { saved: saved.value.definition })}
          errors={form.errors}
          omit={connector.receives ? ["write_key"] : []}
          after={{ ssh_tunnel: key }}
        />
        {early && tunnelled && !ready && (
          <Note tone="warn">
            The database is reached through SSH, and the SSH key does not work yet. Go through the steps under
            SSH tunnel first; then test the connection.
          </Note>
        )}
        <ErrorBox error={form.refused?.rest} />
        {form.check && <CheckResult check={form.check} />}
        <div className="row-h wrap form-foot">
          {!connector.receives && (
            <Button
              loading={form.busy === "test"}
              disabled={form.busy !== null}
              onClick={() => once(form.test)}
            >
              Test connection
            </Button>
          )}
          <span className="push" />
          {form.check?.ok === false && (
            <Button
              variant="subtle"
              disabled={form.busy !== null}
              onClick={() => void form.connect({ anyway: true })}
            >
              Save without a working connection
            </Button>
          )}
          <Button
            type="submit"
            variant="filled"
            loading={form.busy === "connect"}
            disabled={form.busy !== null}
          >
            Connect
          </Button>
        </div>
      </form>
      <Access connector={connector} grants={form.check?.facts.grants} />
      <DraftGuard draft={form.draft} />
    </div>
  );
}

/** Whether the database can be tried: directly, or through a tunnel whose key is in use. */
function useTunnelReady(saved: Tagged<Connection> | null, tunnelled: boolean): boolean {
  const inPlace = tunnelled && saved?.value.definition.ssh_tunnel !== undefined;
  const keys = useSshKeys(inPlace ? saved.value.name : undefined);
  if (!tunnelled) return true;
  return inPlace && keys.data?.active !== null && keys.data?.active !== undefined;
}
