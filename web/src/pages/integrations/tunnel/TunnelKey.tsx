import { Button } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import type { KeyKind, SshKeys } from "../../../api/queries-ssh";
import { useMakeKey, useSshKeys } from "../../../api/queries-ssh";
import { ErrorBox, Note, Skeleton } from "../../../ui/states";
import { KeyInUse } from "./KeyInUse";
import { NewKey } from "./NewKey";

interface TunnelKeyProps {
  /** Its name, once it is saved. */
  source: string | undefined;
  /** The form holds other settings than those that are saved: a key made now would be for the wrong place. */
  unsaved: boolean;
  /** Saves them, where that may be done without asking; undefined resolves where it was refused. */
  save?: () => Promise<string | undefined>;
  /** Told the name after the first saving. */
  saved?: (name: string) => unknown;
  saving?: boolean;
  /** May not make keys: sees which is in use. */
  readOnly?: boolean;
}

/** The SSH key of a source, from the first one to the next, in the order in which things must be done. */
export function TunnelKey({
  source,
  unsaved,
  save,
  saved,
  saving = false,
  readOnly = false,
}: TunnelKeyProps) {
  const keys = useSshKeys(source);
  const make = useMakeKey();
  const told = keys.data;

  async function generate(type: KeyKind) {
    make.reset();
    const name = unsaved && save ? await save() : source;
    if (name === undefined) return;
    try {
      await make.mutateAsync({ name, type });
    } catch {
      // It stands in `make.error`.
    }
    if (name !== source) await saved?.(name);
  }

  if (unsaved && !save) {
    return (
      <Note>Save the changes of the tunnel first: the key is made for the host and port that are saved.</Note>
    );
  }
  if (source !== undefined && keys.isPending) return <Skeleton lines={2} />;
  // What is not an SSH source yet has no keys, which the API tells as an error.
  if (source !== undefined && keys.isError && !unsaved) {
    return <ErrorBox error={keys.error} retry={() => void keys.refetch()} />;
  }
  const busy = make.isPending || saving;
  return (
    <section className="tunnel stack-v" aria-label="SSH key">
      {told?.active && <KeyInUse keys={told} readOnly={readOnly} />}
      {told?.pending && !readOnly ? (
        <NewKey keys={told} changed={unsaved} save={save} saving={saving} />
      ) : (
        !readOnly && <Generate keys={told} busy={busy} generate={generate} />
      )}
      <ErrorBox error={make.error} />
    </section>
  );
}

interface GenerateProps {
  keys: SshKeys | undefined;
  busy: boolean;
  generate: (type: KeyKind) => Promise<void>;
}

function Generate({ keys, busy, generate }: GenerateProps) {
  const first = !keys?.active;
  return (
    <div>
      <p className="m-help">
        {first
          ? "Headrace logs in with a key of its own. Its private half never leaves the service; the public half goes to your SSH server."
          : "A new key replaces the one in use, but not before you saved it, and it is saved only when it works."}
      </p>
      <div className="row-h wrap">
        <Button
          leftSection={<IconKey size={14} stroke={1.7} />}
          loading={busy}
          onClick={() => void generate("ed25519")}
        >
          Generate public key
        </Button>
        <Button variant="subtle" disabled={busy} onClick={() => void generate("rsa")}>
          RSA, for old servers
        </Button>
      </div>
    </div>
  );
}
