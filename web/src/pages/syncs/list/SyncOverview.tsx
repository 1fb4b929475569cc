import "./list.css";
import { Button } from "@mantine/core";
import { useMemo } from "react";
import { Link, useNavigate } from "react-router";
import { useRuns } from "../../../api/queries-runs";
import { useMay } from "../../../api/queries-session";
import { type Sync, useSync } from "../../../api/queries-syncs";
import { barOf, SLOTS } from "../../../charts/bars";
import { RunsBar, RunsLegend } from "../../../charts/RunsBar";
import { paths } from "../../../paths";
import { DataTable } from "../../../ui/DataTable";
import { Kpi, Kpis } from "../../../ui/Kpi";
import { count, Time } from "../../../ui/numbers";
import { EmptyState, Loaded, Note } from "../../../ui/states";
import { useParamLink } from "../../../ui/url";
import { columns } from "../../imports/parts/columns";
import { RunDrawer } from "../../imports/parts/RunDrawer";
import { LastRun, NextRun, Status } from "./columns";
import { RunNow } from "./RunNow";
import { SyncMenu } from "./SyncMenu";
import { SyncSwitch } from "./SyncSwitch";

const LISTED = 10;
const RUN_COLUMNS = columns({ sync: false });

/** How one sync stands: its status, its last 50 runs, and what can be done about it. */
export function SyncOverview({ name }: { name: string }) {
  return <Loaded query={useSync(name)}>{({ value }) => <Overview sync={value} />}</Loaded>;
}

function Overview({ sync }: { sync: Sync }) {
  return (
    <>
      <div className="tools sync-bar">
        <SyncSwitch sync={sync} />
        <Status sync={sync} />
        <span className="push" />
        <Buttons sync={sync} />
      </div>
      <Findings sync={sync} />
      <div className="sync-kpis">
        <Kpis>
          <Kpi label="Last run" value={<LastRun sync={sync} />} />
          <Kpi label="Next run" value={<NextRun sync={sync} />} />
          <Kpi label="Frequency" value={sync.schedule_words || "–"} />
          <Kpi label="Last sync time" value={<LastSync sync={sync} />} />
        </Kpis>
      </div>
      <Runs name={sync.name} />
    </>
  );
}

function Buttons({ sync }: { sync: Sync }) {
  const operate = useMay("operate");
  const navigate = useNavigate();
  return (
    <>
      <Button component={Link} to={paths.imports({ sync: sync.name })}>
        Imports
      </Button>
      {operate && <RunNow sync={sync} />}
      <SyncMenu sync={sync} onDeleted={() => void navigate(paths.syncs)} />
    </>
  );
}

function Findings({ sync }: { sync: Sync }) {
  if (sync.findings.length === 0 && sync.overruns === 0) return null;
  return (
    <div className="section stack-v">
      {sync.findings.length > 0 && (
        <Note tone="bad">
          <ul className="note-list">
            {sync.findings.map((finding) => (
              <li key={`${finding.where} ${finding.message}`}>
                <code>{finding.where}</code> {finding.message}
              </li>
            ))}
          </ul>
        </Note>
      )}
      {sync.overruns > 0 && (
        <Note tone="warn">
          {sync.overruns === 1
            ? "The last due time was skipped"
            : `The last ${count(sync.overruns)} due times were skipped`}
          : the run before was still going on. Let it run less often, or make the query faster.
        </Note>
      )}
    </div>
  );
}

function LastSync({ sync }: { sync: Sync }) {
  if (sync.last_sync_at) return <Time at={sync.last_sync_at} />;
  return <span className="num">{sync.last_sync_time}</span>;
}

function Runs({ name }: { name: string }) {
  const runs = useRuns(
    useMemo(() => ({ sync: [name] }), [name]),
    SLOTS,
  );
  const bars = useMemo(() => (runs.data ?? []).slice(0, SLOTS).map(barOf).reverse(), [runs.data]);
  const link = useParamLink();
  return (
    <>
      <section className="section" aria-labelledby="sync-runs">
        <div className="section-head">
          <h2 id="sync-runs">Rows per run</h2>
          <span className="faint">last {SLOTS}</span>
          <RunsLegend />
        </div>
        <RunsBar label={`Rows per run of ${name}`} bars={bars} to={(id) => link("run", id)} />
      </section>
      <DataTable
        label="Last runs"
        columns={RUN_COLUMNS}
        query={{ ...runs, hasNextPage: false }}
        rows={runs.data?.slice(0, LISTED)}
        rowKey={(run) => run.id}
        empty={<EmptyState title="It has not run yet">Enable it, or run it now.</EmptyState>}
      />
      <RunDrawer />
    </>
  );
}
