import { type Setting, useEffectiveSettings } from "../../api/queries-settings";
import { Chip, Managed } from "../../ui/Chip";
import { type Column, DataTable } from "../../ui/DataTable";
import { isKept } from "../../ui/form/model";
import { EmptyState } from "../../ui/states";
import { Part } from "./parts/Part";
import { SettingsForm } from "./parts/SettingsForm";

const ELSEWHERE = new Set(["egress_allow", "egress_addresses"]); // in Network

const isHere = ({ name, editable }: Setting) => editable && !ELSEWHERE.has(name);
const isRetention = ({ name }: Setting) => name.startsWith("retention.");
const isGeneral = (setting: Setting) => isHere(setting) && !isRetention(setting);
const isFixed = ({ name, editable }: Setting) =>
  !editable && !ELSEWHERE.has(name) && !name.startsWith("retention.");

/** How long things are kept, and what else may be set while the service runs. */
export function General() {
  return (
    <>
      <Part
        title="Retention"
        lead="How long things are kept: 90 days, 12 hours. What is older is deleted, within the hour."
      >
        <SettingsForm of="retention" wanted={isRetention} />
      </Part>
      <Part title="General" lead="These count at once, in all processes of the service.">
        <SettingsForm of="general" wanted={isGeneral} />
      </Part>
      <Fixed />
    </>
  );
}

const COLUMNS: readonly Column<Setting>[] = [
  { key: "name", head: "Setting", spot: "title", cell: ({ name }) => <span className="mono">{name}</span> },
  { key: "value", head: "Value", spot: "line", cell: (setting) => <Value setting={setting} /> },
  {
    key: "origin",
    head: "From",
    spot: "top-right",
    cell: ({ origin, place }) =>
      origin === "file" ? <Managed place={place} /> : <Chip tone="quiet">Default</Chip>,
  },
  {
    key: "help",
    head: "What it does",
    spot: "hide",
    cell: ({ field }) => <span className="muted wrap">{field.help}</span>,
  },
];

/** What must be known before there is a page: shown, and set in the file. */
function Fixed() {
  const settings = useEffectiveSettings();
  return (
    <Part
      wide
      title="Set in headrace.yaml"
      lead="These must be known before there is a page: they stand in the file alone."
    >
      <DataTable
        label="Settings of the file"
        columns={COLUMNS}
        query={settings}
        rows={settings.data?.filter(isFixed)}
        rowKey={({ name }) => name}
        empty={<EmptyState title="None" />}
      />
    </Part>
  );
}

function Value({ setting: { value } }: { setting: Setting }) {
  if (isKept(value)) return <span className="faint">kept, never shown</span>;
  const text = Array.isArray(value) ? value.join(", ") : String(value ?? "");
  return text === "" ? <span className="faint">not set</span> : <span className="mono wrap">{text}</span>;
}
