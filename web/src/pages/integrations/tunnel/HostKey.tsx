import { Button, TextInput } from "@mantine/core";
import { IconFingerprint } from "@tabler/icons-react";
import { useState } from "react";
import { type SshKeys, useReadHostKey, useTrustHostKey } from "../../../api/queries-ssh";
import { CodeBlock, CopyField } from "../../../ui/CopyField";
import { ErrorBox, Note } from "../../../ui/states";

/** The SSH server's own key: shown, compared with what the server itself says, and only then trusted. */
export function HostKey({ keys }: { keys: SshKeys }) {
  const { source, server, host_key } = keys;
  const read = useReadHostKey();
  const [differs, setDiffers] = useState(false);

  function look() {
    setDiffers(false);
    read.mutate(source);
  }
  if (read.data) {
    return (
      <Compare
        keys={keys}
        shown={read.data}
        trusted={() => read.reset()}
        refused={() => {
          read.reset();
          setDiffers(true);
        }}
      />
    );
  }
  return (
    <div className="stack-v">
      {host_key ? (
        <CopyField label="fingerprint of the SSH server" value={host_key.fingerprint} />
      ) : (
        <p className="m-help">
          Nothing is sent to {server.host} before you confirmed that it is the right one, by its fingerprint.
        </p>
      )}
      {differs && (
        <Note tone="bad">
          Nothing was trusted. Another machine answers than you meant, or somebody is in between: check host
          and port of the SSH server, and ask whoever runs it.
        </Note>
      )}
      <ErrorBox error={read.error} />
      <div>
        <Button
          {...(host_key && { variant: "subtle" })}
          leftSection={<IconFingerprint size={14} stroke={1.7} />}
          loading={read.isPending}
          onClick={look}
        >
          {host_key ? "The server has a new key" : "Show its fingerprint"}
        </Button>
      </div>
    </div>
  );
}

interface CompareProps {
  keys: SshKeys;
  shown: { fingerprint: string; algorithm: string | null };
  trusted: () => void;
  refused: () => void;
}

function Compare({ keys: { source, server }, shown, trusted, refused }: CompareProps) {
  const trust = useTrustHostKey();
  const [pasted, setPasted] = useState("");
  const fingerprint = fingerprintIn(pasted) ?? shown.fingerprint;
  return (
    <div className="stack-v">
      <div>
        <p className="m-help">{server.host} shows the key</p>
        <CopyField label="shown fingerprint" value={shown.fingerprint} />
      </div>
      <div>
        <p className="m-help">Log in to the server another way, and let it print its own:</p>
        <CodeBlock label="command for the fingerprint" code={`ssh-keygen -lf ${keyFile(shown.algorithm)}`} />
      </div>
      <TextInput
        label="What the server prints"
        description="Paste it, and it is compared for you; or leave this empty and compare yourself."
        placeholder="256 SHA256:…"
        autoComplete="off"
        spellCheck={false}
        value={pasted}
        onChange={({ currentTarget }) => setPasted(currentTarget.value)}
      />
      <ErrorBox error={trust.error} />
      <div className="row-h wrap">
        <Button
          loading={trust.isPending}
          onClick={() => trust.mutate({ name: source, fingerprint }, { onSuccess: trusted })}
        >
          Same: trust this server
        </Button>
        <Button variant="subtle" disabled={trust.isPending} onClick={refused}>
          It is another
        </Button>
      </div>
    </div>
  );
}

/** The fingerprint out of a line of ssh-keygen; the whole text where there is none, for the service to refuse. */
function fingerprintIn(pasted: string): string | undefined {
  const text = pasted.trim();
  if (text === "") return undefined;
  return /SHA256:[A-Za-z0-9+/]{43}/.exec(text)?.[0] ?? text;
}

/** Where OpenSSH keeps the public half of its key. */
function keyFile(algorithm: string | null): string {
  const kind = algorithm?.includes("rsa") ? "rsa" : algorithm?.includes("ecdsa") ? "ecdsa" : "ed25519";
  return `/etc/ssh/ssh_host_${kind}_key.pub`;
}
