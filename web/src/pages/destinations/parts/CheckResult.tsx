import { Button } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { Link } from "react-router";
import type { Check } from "../../../api/queries-connections";
import { useMay } from "../../../api/queries-session";
import { paths } from "../../../paths";

// What the egress guard refused tells the setting that would allow it, and the address.
const REFUSED = /service\.egress_allow: \[([^\]\s]+)\]/;

/** What a check found out: problems exactly as the connector tells them, warnings, facts. */
export function CheckResult({ check }: { check: Check }) {
  return (
    <div className="stack-v" role="status">
      {check.ok && <Line tone="ok" text="It works: the connection was tried just now." />}
      {check.problems.map((text) => (
        <Line key={text} tone="bad" text={text} />
      ))}
      {check.warnings.map((text) => (
        <Line key={text} tone="warn" text={text} />
      ))}
      <Refused problems={check.problems} />
      <FactList facts={check.facts} />
    </div>
  );
}

function Line({ tone, text }: { tone: "ok" | "warn" | "bad"; text: string }) {
  const Icon = tone === "ok" ? IconCircleCheck : IconAlertTriangle;
  return (
    <div className={`note ${tone}`}>
      <Icon size={16} stroke={1.7} aria-hidden />
      <div>{text}</div>
    </div>
  );
}

/** Private addresses are not called unless an owner allows it: why, and where. */
function Refused({ problems }: { problems: readonly string[] }) {
  const administer = useMay("administer");
  const address = problems.map((text) => REFUSED.exec(text)?.[1]).find((found) => found !== undefined);
  if (address === undefined) return null;
  return (
    <div className="note">
      <div>
        <p>
          Addresses that are given in this page may not lead into private networks: so that nobody can make
          the service call what only the service can reach. If <code>{address}</code> is meant, allow it under{" "}
          <code>egress_allow</code>, then check again.
        </p>
        {administer && (
          <Button
            mt={8}
            component={Link}
            to={`${paths.settings("network")}?${new URLSearchParams({ allow: address })}`}
          >
            Allow {address}
          </Button>
        )}
      </div>
    </div>
  );
}

function FactList({ facts }: Pick<Check, "facts">) {
  const told = Object.entries(facts);
  if (told.length === 0) return null;
  return (
    <dl className="check-facts">
      {told.map(([name, value]) => (
        <Fact key={name} name={name} value={value} />
      ))}
    </dl>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name.replaceAll("_", " ")}</dt>
      <dd>{value}</dd>
    </>
  );
}
