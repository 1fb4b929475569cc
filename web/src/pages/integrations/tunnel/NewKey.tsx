import { Button } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef } from "react";
import { type SshKeys, useDiscardKey, useSaveKey, useTestKey } from "../../../api/queries-ssh";
import { CodeBlock } from "../../../ui/CopyField";
import { ErrorBox, Note } from "../../../ui/states";
import { HostKey } from "./HostKey";

interface NewKeyProps {
  keys: SshKeys;
  /** Other settings stand in the form than the key was made for. */
  changed: boolean;
  /** Saves them. */
  save: (() => Promise<unknown>) | undefined;
  saving: boolean;
}

/** A key that is made and not in use yet: install it, confirm the server, log in; then it is taken into use. */
export function NewKey({ keys, changed, save, saving }: NewKeyProps) {
  const { source, server, pending, active, host_key } = keys;
  const first = active === null;
  const steps = useRef<HTMLOListElement>(null);
  // Where the eye went to make the key, the next thing to do now stands.
  useEffect(() => {
    if (document.activeElement === document.body) steps.current?.focus();
  }, []);
  if (pending === null) return null;
  if (changed) {
    return (
      <Note>
        <p>
          Settings changed since the key was made. Save them, and the next steps are those for the new ones.
        </p>
        <Button mt={8} loading={saving} onClick={() => void save?.()}>
          Save changes
        </Button>
      </Note>
    );
  }
  return (
    <ol className="steps" aria-label="Steps of the new SSH key" ref={steps} tabIndex={-1}>
      <Step number={1} title="Install the public key">
        <p className="m-help">
          Add this line to <code>~{server.user}/.ssh/authorized_keys</code> on {server.host}. The words before
          the key let it reach this one database, and nothing else.
        </p>
        <CodeBlock label="public key" code={pending.authorized_key} />
      </Step>
      <Step number={2} title="Confirm the SSH server" done={host_key !== null}>
        <HostKey keys={keys} />
      </Step>
      <Step number={3} title={first ? "Test the login" : "Test and save"}>
        <LogIn source={source} first={first} trusted={host_key !== null} />
      </Step>
    </ol>
  );
}

interface StepProps {
  number: number;
  title: string;
  done?: boolean;
  children: ReactNode;
}

function Step({ number, title, done = false, children }: StepProps) {
  return (
    <li className={done ? "step done" : "step"}>
      <span className="step-dot" aria-hidden>
        {done ? <IconCheck size={12} stroke={2.4} /> : number}
      </span>
      <h2>
        {title}
        {done && <span className="sr"> (done)</span>}
      </h2>
      {children}
    </li>
  );
}

/** The first key is in use as soon as it works; a later one when it is saved. */
function LogIn({ source, first, trusted }: { source: string; first: boolean; trusted: boolean }) {
  const test = useTestKey();
  const save = useSaveKey();
  const discard = useDiscardKey();
  const busy = test.isPending || save.isPending || discard.isPending;
  const works = test.isSuccess && !save.isError;

  function reset() {
    test.reset();
    save.reset();
  }
  function tryLogin() {
    reset();
    if (first) save.mutate({ name: source });
    else test.mutate({ name: source, pending: true });
  }
  return (
    <div className="stack-v">
      <p className="m-help">
        {first
          ? "Logs in with the key and opens the way to the database. When that works, the key is in use."
          : "Runs go on with the key in use. The new one is saved only when a login with it works; then the old one is forgotten."}
      </p>
      <ErrorBox error={test.error ?? save.error} />
      {works && (
        <Note tone="ok">The new key works. Save it, then take the old line out of authorized_keys.</Note>
      )}
      <div className="row-h wrap">
        <Button
          loading={test.isPending || (first && save.isPending)}
          disabled={busy || !trusted}
          onClick={tryLogin}
        >
          Test login
        </Button>
        {!first && (
          <Button
            variant="filled"
            loading={save.isPending}
            disabled={busy || !trusted}
            onClick={() => {
              reset();
              save.mutate({ name: source });
            }}
          >
            Save new key
          </Button>
        )}
        <Button variant="subtle" disabled={busy} onClick={() => discard.mutate({ name: source })}>
          Discard new key
        </Button>
        {!trusted && <span className="faint">Confirm the SSH server first.</span>}
      </div>
    </div>
  );
}
