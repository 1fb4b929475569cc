import type { Connector } from "../../../api/queries-connectors";
import { useAbout } from "../../../api/queries-settings";
import { CodeBlock, CopyField } from "../../../ui/CopyField";

/** What has to be done at the database, outside of Headrace: let its addresses in, and make an account for it. */
export function Access({
  connector,
  grants = connector.grants,
}: {
  connector: Connector;
  grants?: string | undefined;
}) {
  return (
    <aside className="access" aria-label={`At ${connector.title}`}>
      {grants && (
        <section>
          <h2>An account that only reads</h2>
          <p className="muted">
            Run this at the database, with your own names and password. You can take the account back at any
            time.
          </p>
          <CodeBlock label="statements for an account that only reads" code={grants} />
        </section>
      )}
      {hasHost(connector) && <Addresses />}
    </aside>
  );
}

/** Whether a network lies between: files on this machine have no firewall. */
function hasHost(connector: Connector): boolean {
  return connector.fields.some(({ name }) => ["host", "account", "credentials", "bucket"].includes(name));
}

function Addresses() {
  const addresses = useAbout().data?.egress_addresses ?? [];
  return (
    <section>
      <h2>Addresses to allow</h2>
      {addresses.length > 0 ? (
        <>
          <p className="muted">
            Connections come from here. Let them through the firewall of the database or of the SSH server.
          </p>
          <div className="addresses">
            {addresses.map((address) => (
              <CopyField key={address} label={`address ${address}`} value={address} />
            ))}
          </div>
        </>
      ) : (
        <p className="muted">
          Connections come from the machine that runs Headrace. If a firewall is in between, let that
          machine&rsquo;s address in. An owner can note the addresses in Settings, so that they stand here.
        </p>
      )}
    </section>
  );
}
