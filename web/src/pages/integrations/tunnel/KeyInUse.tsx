import { Button } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { type SshKeys, useTestKey } from "../../../api/queries-ssh";
import { CodeBlock } from "../../../ui/CopyField";
import { Facts } from "../../../ui/Kpi";
import { ErrorBox, Note } from "../../../ui/states";
import { HostKey } from "./HostKey";

/** The key that runs log in with, the server that they trust, and another try of both. */
export function KeyInUse({ keys, readOnly }: { keys: SshKeys; readOnly: boolean }) {
  const { source, server, active, host_key, pending } = keys;
  const test = useTestKey();
  if (active === null) return null;
  return (
    <div className="stack-v">
      <p className="row-h">
        <IconCircleCheck size={16} stroke={1.7} className="ok-icon" aria-hidden />
        <span>
          The SSH key is in use: logins go to{" "}
          <span className="mono">
            {server.user}@{server.host}:{server.port}
          </span>
        </span>
      </p>
      <Facts
        facts={[
          [
            "Key in use",
            <span key="key" className="mono">
              {active.fingerprint}
            </span>,
          ],
          [
            "Server trusted by",
            <span key="host" className="mono">
              {host_key?.fingerprint ?? "–"}
            </span>,
          ],
        ]}
      />
      <details className="fold">
        <summary>Line for authorized_keys, and the server&rsquo;s key</summary>
        <div className="fields">
          <CodeBlock label="public key in use" code={active.authorized_key} />
          {!readOnly && pending === null && <HostKey keys={keys} />}
        </div>
      </details>
      <ErrorBox error={test.error} />
      {test.isSuccess && <Note tone="ok">The login works, and the database is reached from there.</Note>}
      {!readOnly && (
        <div>
          <Button loading={test.isPending} onClick={() => test.mutate({ name: source, pending: false })}>
            Test login with the key in use
          </Button>
        </div>
      )}
    </div>
  );
}
