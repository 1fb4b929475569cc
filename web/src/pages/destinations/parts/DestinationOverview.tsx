import { Link } from "react-router";
import type { Connection } from "../../../api/queries-connections";
import { useConnector } from "../../../api/queries-connectors";
import { type Run, useRun, useRuns } from "../../../api/queries-runs";
import { type Sync, useSyncs } from "../../../api/queries-syncs";
import { paths } from "../../../paths";
import { StateChip, SyncChip, Tag } from "../../../ui/Chip";
import { type Column, DataTable } from "../../../ui/DataTable";
import { Facts } from "../../../ui/Kpi";
import { Count, Time } from "../../../ui/numbers";
import { EmptyState, Note } from "../../../ui/states";
import { CheckResult } from "./CheckResult";
import { limitsOf } from "./limits";

/** How a destination fares: facts, what delivers there, and what the last runs brought. */
export function DestinationOverview({ one }: { one: Connection }) {
  const connector = useConnector("destination", one.type);
  const syncs = useSyncs({ destination: one.name });
  return (
    <>
      <div className="section roomy">
        {one.findings.map(({ where, message }) => (
          <Note key={where + message} tone="bad">
            {message}
          </Note>
        ))}
        <Facts
          facts={[
            ["Kind", connector?.title ?? one.type],
            ["Limits", limitsOf(one.definition, connector).join(", ") || "Its own"],
            ["Defined in", one.origin === "file" ? one.place : "this page"],
            ["Last changed", one.updated_at ? <Time key="changed" at={one.updated_at} /> : "–"],
            ["Changed by", one.updated_by.replace(/^user:/, "") || "–"],
          ]}
        />
      </div>
      {one.failing.length > 0 && one.last_run && <Why run={one.last_run.id} />}
      <h2 className="table-head">What delivers there</h2>
      <DataTable
        label="Syncs that deliver here"
        columns={SYNCS}
        query={syncs}
        rowKey={({ name }) => name}
        empty={<NoSyncs />}
      />
      {one.syncs.length > 0 && <LastRuns name={one.name} syncs={one.syncs} />}
    </>
  );
}

/** The reason of the newest run, as the service tells it. */
function Why({ run }: { run: string }) {
  const { data } = useRun(run);
  if (!data?.error) return null;
  return (
    <div className="section stack-v">
      <CheckResult check={{ ok: false, problems: [data.error], warnings: [], facts: {} }} />
    </div>
  );
}

const SYNCS: readonly Column<Sync>[] = [
  { key: "name", head: "Sync", spot: "title", cell: ({ name }) => <Link to={paths.sync(name)}>{name}</Link> },
  { key: "state", head: "State", spot: "top-right", cell: (sync) => <SyncChip sync={sync} /> },
  {
    key: "source",
    head: "From",
    spot: "left",
    cell: (sync) => <span className="muted">{String(sync.definition.source ?? "")}</span>,
  },
  {
    key: "next",
    head: "Next run",
    spot: "right",
    align: "right",
    cell: ({ next_due }) => <Time at={next_due} relative />,
  },
];

function NoSyncs() {
  return (
    <EmptyState title="No sync delivers here">
      Add this destination to a sync: in its settings, or when you make one.
    </EmptyState>
  );
}

const RUNS = 10;

function LastRuns({ name, syncs }: { name: string; syncs: readonly string[] }) {
  const runs = useRuns({ sync: syncs }, RUNS);
  return (
    <>
      <h2 className="table-head">Last runs</h2>
      <DataTable
        label="Last runs"
        columns={runColumns(name)}
        query={{ ...runs, hasNextPage: false }}
        rowKey={({ id }) => id}
        empty={
          <EmptyState title="No runs yet">They appear here as soon as one of these syncs runs.</EmptyState>
        }
      />
    </>
  );
}

function runColumns(destination: string): Column<Run>[] {
  const counted = (key: "delivered" | "duplicate" | "invalid" | "rejected"): Column<Run> => ({
    key,
    head: key.charAt(0).toUpperCase() + key.slice(1),
    align: "right",
    spot: key === "delivered" || key === "rejected" ? "left" : "hide",
    phone: key,
    cell: ({ destinations }) => (
      <Count value={destinations[destination]?.[key] ?? 0} bad={key === "invalid" || key === "rejected"} />
    ),
  });
  return [
    {
      key: "sync",
      head: "Sync",
      spot: "title",
      cell: (run) => <Link to={paths.imports({ run: run.id })}>{run.sync}</Link>,
    },
    { key: "state", head: "State", spot: "top-right", cell: ({ state }) => <StateChip state={state} /> },
    { key: "call", head: "Call", spot: "hide", cell: ({ call }) => <Tag>{call ?? "each its own"}</Tag> },
    { key: "started", head: "Started", spot: "right", cell: (run) => <Time at={run.created_at} relative /> },
    counted("delivered"),
    counted("duplicate"),
    counted("invalid"),
    counted("rejected"),
  ];
}
