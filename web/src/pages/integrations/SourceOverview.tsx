import { Button } from "@mantine/core";
import { IconRefresh, IconStethoscope } from "@tabler/icons-react";
import { Link } from "react-router";
import { type Connection, useCheckConnection } from "../../api/queries-connections";
import type { Connector } from "../../api/queries-connectors";
import { type Run, useRuns } from "../../api/queries-runs";
import { useMay } from "../../api/queries-session";
import { type Sync, useSyncs } from "../../api/queries-syncs";
import { paths } from "../../paths";
import { StateChip, SyncChip } from "../../ui/Chip";
import { type Column, DataTable } from "../../ui/DataTable";
import { Kpi, Kpis } from "../../ui/Kpi";
import { Count, Duration, Time } from "../../ui/numbers";
import { EmptyState, ErrorBox } from "../../ui/states";
import { CheckResult } from "./parts/CheckResult";
import { HealthChip } from "./parts/Health";

const SHOWN = 10;

/** How a source does: its connection, its syncs, and their last runs. */
export function SourceOverview({
  source,
  connector,
}: {
  source: Connection;
  connector: Connector | undefined;
}) {
  const syncs = useSyncs({ source: source.name });
  const enabled = syncs.data?.filter((sync) => sync.enabled).length ?? 0;
  return (
    <>
      {source.findings.length > 0 && (
        <div className="section">
          <div className="note bad" role="alert">
            <div>
              This source cannot be used until its settings are mended.
              <ul className="note-list">
                {source.findings.map((finding) => (
                  <li key={`${finding.where} ${finding.message}`}>
                    <code>{finding.where}</code> {finding.message}
                  </li>
                ))}
              </ul>
            </div>
          </div>
        </div>
      )}
      <Kpis>
        <Kpi label="Health" value={<HealthChip connection={source} />} />
        <Kpi
          label="Syncs"
          value={<Count value={source.syncs.length} />}
          note={syncs.data && `${enabled} enabled`}
        />
        <Kpi label="Failing syncs" value={<Count value={source.failing.length} bad />} />
        <Kpi label="Last run" value={<Time at={source.last_run?.created_at ?? null} relative />} />
      </Kpis>
      {connector && !connector.receives && <CheckAgain source={source} title={connector.title} />}
      <Syncs source={source.name} query={syncs} />
      {source.syncs.length > 0 && <LastRuns syncs={source.syncs} />}
    </>
  );
}

function CheckAgain({ source, title }: { source: Connection; title: string }) {
  const may = useMay("connect");
  const check = useCheckConnection("sources");
  if (!may) return null;
  return (
    <section className="section">
      <div className="section-head">
        <h2>Connection</h2>
        <span className="muted clip">{title}</span>
        <span className="push" />
        <Button
          leftSection={<IconStethoscope size={14} stroke={1.7} />}
          loading={check.isPending}
          onClick={() => check.mutate(source.name)}
        >
          Check again
        </Button>
      </div>
      <ErrorBox error={check.error} />
      {check.data ? (
        <CheckResult check={check.data} />
      ) : (
        !check.error && (
          <p className="muted">Logs in, looks at what the account may do, and proves that it cannot write.</p>
        )
      )}
    </section>
  );
}

const SYNCS: readonly Column<Sync>[] = [
  {
    key: "name",
    head: "Sync",
    spot: "title",
    cell: (sync) => <Link to={paths.sync(sync.name)}>{sync.name}</Link>,
  },
  { key: "state", head: "Status", spot: "top-right", cell: (sync) => <SyncChip sync={sync} /> },
  {
    key: "frequency",
    head: "Frequency",
    spot: "left",
    cell: (sync) => <span className="muted">{sync.schedule}</span>,
  },
  { key: "next", head: "Next run", spot: "right", cell: (sync) => <Time at={sync.next_due} relative /> },
];

function Syncs({ source, query }: { source: string; query: ReturnType<typeof useSyncs> }) {
  const may = useMay("edit");
  return (
    <section aria-label="Syncs">
      <h2 className="list-head">Syncs</h2>
      <DataTable
        label="Syncs"
        columns={SYNCS}
        query={query}
        rowKey={(sync) => sync.name}
        empty={
          <EmptyState
            icon={IconRefresh}
            title="No sync reads from it yet"
            action={
              may && (
                <Button variant="filled" component={Link} to={paths.newSync(source)}>
                  Add your first sync
                </Button>
              )
            }
          >
            A sync is a query whose rows become calls, how often it runs, and where the calls go.
          </EmptyState>
        }
      />
    </section>
  );
}

const RUNS: readonly Column<Run>[] = [
  {
    key: "sync",
    head: "Sync",
    spot: "title",
    cell: (run) => <Link to={paths.imports({ run: run.id })}>{run.sync}</Link>,
  },
  { key: "state", head: "Status", spot: "top-right", cell: (run) => <StateChip state={run.state} /> },
  {
    key: "started",
    head: "Started",
    spot: "left",
    cell: (run) => <Time at={run.started_at ?? run.created_at} relative />,
  },
  {
    key: "took",
    head: "Duration",
    spot: "left",
    cell: (run) => <Duration from={run.started_at} to={run.ended_at} />,
  },
  {
    key: "rows",
    head: "Rows",
    align: "right",
    spot: "right",
    phone: "rows",
    cell: (run) => <Count value={run.extracted} />,
  },
];

function LastRuns({ syncs }: { syncs: readonly string[] }) {
  const runs = useRuns({ sync: syncs }, SHOWN);
  return (
    <section aria-label="Last runs">
      <h2 className="list-head">Last runs</h2>
      <DataTable
        label="Last runs"
        columns={RUNS}
        query={{ ...runs, hasNextPage: false }}
        rows={runs.data?.slice(0, SHOWN)}
        rowKey={(run) => run.id}
        empty={<EmptyState title="No runs yet">Run a sync, or wait until one is due.</EmptyState>}
      />
    </section>
  );
}
