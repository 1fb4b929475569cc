import { Button } from "@mantine/core";
import { Link } from "react-router";
import { useMay } from "../../api/queries-session";
import { type Setting, useAbout } from "../../api/queries-settings";
import { paths } from "../../paths";
import { CodeBlock } from "../../ui/CopyField";
import { Loaded, Note } from "../../ui/states";
import { useParam } from "../../ui/url";
import type { Values } from "./parts/dotted";
import { Part } from "./parts/Part";
import { SettingsForm } from "./parts/SettingsForm";

const isAddresses = ({ name }: Setting) => name === "egress_addresses";
const isAllow = ({ name }: Setting) => name === "egress_allow";

/** From where the service calls, and what it may call. */
export function Network() {
  const administer = useMay("administer");
  return (
    <>
      <Part
        title="Addresses of this service"
        lead="Databases and SSH servers must let in connections from here: allow these addresses in their firewalls."
      >
        <Own />
        {administer && <SettingsForm of="addresses" wanted={isAddresses} />}
      </Part>
      {administer && <Allow />}
    </>
  );
}

function Own() {
  const about = useAbout();
  return (
    <Loaded query={about}>
      {({ egress_addresses: addresses }) =>
        addresses.length > 0 ? (
          <CodeBlock label="addresses" code={addresses.join("\n")} />
        ) : (
          <Note>
            Nobody has said them yet. Whoever runs this machine knows from which public addresses it calls; an
            owner writes them down as egress_addresses, so that everybody who connects a database finds them
            here.
          </Note>
        )
      }
    </Loaded>
  );
}

function Allow() {
  const [address] = useParam("allow");
  const suggest = (values: Values): Values => {
    if (address === null) return values;
    const list = Array.isArray(values.egress_allow) ? (values.egress_allow as unknown[]) : [];
    return list.includes(address) ? values : { ...values, egress_allow: [...list, address] };
  };
  return (
    <Part
      title="Private networks that may be called"
      lead="Addresses that are given in this page or over the API may not lead to this machine, into private networks or to the metadata of clouds: so that nobody makes the service call what only the service can reach. What is listed here may be called all the same, also without TLS."
    >
      {address !== null && (
        <Note tone="warn">
          <p>
            {address} was added below. Save, if whoever may make destinations may also call it; then check the
            destination again.
          </p>
          <Button mt={8} component={Link} to={paths.destinations}>
            Back to the destinations
          </Button>
        </Note>
      )}
      <SettingsForm of="network" wanted={isAllow} suggest={suggest} />
    </Part>
  );
}
