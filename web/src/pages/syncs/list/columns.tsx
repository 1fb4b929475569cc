import { IconArrowRight } from "@tabler/icons-react";
import { Link } from "react-router";
import { hasFailedRows } from "../../../api/live-cache";
import type { Sync } from "../../../api/queries-syncs";
import { summed } from "../../../charts/bars";
import { paths } from "../../../paths";
import { Chip, Managed, StateChip, stateWord, Tag } from "../../../ui/Chip";
import type { Column } from "../../../ui/DataTable";
import { count, Time } from "../../../ui/numbers";
import { RunProgress } from "../../imports/parts/RunProgress";
import { RunNow } from "./RunNow";
import { SyncMenu } from "./SyncMenu";
import { SyncSwitch } from "./SyncSwitch";

export function columns({ operate, source }: { operate: boolean; source: boolean }): Column<Sync>[] {
  const all: (Column<Sync> | false)[] = [
    {
      key: "switch",
      head: <span className="sr">Enabled</span>,
      width: 56,
      cell: (sync) => <SyncSwitch sync={sync} />,
    },
    { key: "sync", head: "Sync", width: "30%", cell: (sync) => <Name sync={sync} />, spot: "title" },
    { key: "status", head: "Status", cell: (sync) => <Status sync={sync} />, spot: "top-right" },
    {
      key: "way",
      head: source ? "Source and destinations" : "Destinations",
      cell: (sync) => <Way sync={sync} source={source} />,
      spot: "line",
    },
    { key: "frequency", head: "Frequency", cell: (sync) => <Frequency sync={sync} />, spot: "left" },
    { key: "last", head: "Last run", cell: (sync) => <LastRun sync={sync} />, spot: "line" },
    { key: "next", head: "Next run", cell: (sync) => <NextRun sync={sync} />, spot: "hide" },
    {
      key: "do",
      head: <span className="sr">Actions</span>,
      align: "right",
      cell: (sync) => (
        <span className="sync-do">
          {operate && <RunNow sync={sync} icon />}
          <SyncMenu sync={sync} />
        </span>
      ),
      spot: "right",
    },
  ];
  return all.filter((column) => column !== false);
}

function Name({ sync }: { sync: Sync }) {
  const managed = sync.origin === "file";
  return (
    <div className="sync-name">
      <div className="row-h">
        <Link className="clip" to={paths.sync(sync.name)}>
          {sync.name}
        </Link>
        {sync.call && <Tag>{sync.call}</Tag>}
      </div>
      {(sync.description !== "" || managed) && (
        <div className="row-h sync-note">
          {sync.description && (
            <span className="clip" title={sync.description}>
              {sync.description}
            </span>
          )}
          {managed && <Managed place={sync.place} />}
        </div>
      )}
    </div>
  );
}

/** Whether it runs when it is due, runs now, or cannot run; and a word when its runs take too long. */
export function Status({ sync }: { sync: Sync }) {
  return (
    <span className="sync-status">
      <Standing sync={sync} />
      <Overruns sync={sync} />
    </span>
  );
}

function Standing({ sync }: { sync: Sync }) {
  if (sync.findings.length > 0) return <Chip tone="bad">Broken</Chip>;
  if (sync.live_run) return <StateChip state={sync.live_run.state} />;
  return sync.enabled ? <Chip tone="ok">Enabled</Chip> : <Chip tone="quiet">Disabled</Chip>;
}

export function Overruns({ sync }: { sync: Sync }) {
  if (sync.overruns === 0) return null;
  const times = sync.overruns === 1 ? "1 due time was" : `${count(sync.overruns)} due times in a row were`;
  const why = `${times} skipped: the run before was still going on. Run it less often.`;
  return (
    <span className="overrun" title={why}>
      <Chip tone="warn">{count(sync.overruns)} skipped</Chip>
      <span className="sr">{why}</span>
    </span>
  );
}

function Way({ sync, source }: { sync: Sync; source: boolean }) {
  const [first, ...others] = sync.destinations;
  return (
    <span className="way">
      {source && sync.source && (
        <>
          <Link className="clip" to={paths.source(sync.source)}>
            {sync.source}
          </Link>
          <IconArrowRight size={13} stroke={1.7} aria-label="to" />
        </>
      )}
      {first !== undefined && (
        <Link className="clip" to={paths.destination(first)}>
          {first}
        </Link>
      )}
      {others.length > 0 && (
        <span className="faint" title={others.join(", ")}>
          +{others.length}
          <span className="sr"> more: {others.join(", ")}</span>
        </span>
      )}
    </span>
  );
}

function Frequency({ sync }: { sync: Sync }) {
  return <span className="muted frequency">{sync.schedule_words || "–"}</span>;
}

/** How the last run went: its state, when, and what became of its rows. */
export function LastRun({ sync }: { sync: Sync }) {
  if (sync.live_run) return <RunProgress run={sync.live_run} />;
  const run = sync.last_run;
  if (run === null) return <span className="faint">Never ran</span>;
  const { delivered, invalid, rejected } = summed(run);
  return (
    <Link className="last-run" to={paths.imports({ sync: sync.name, run: run.id })}>
      <span>
        <span className={`last-state ${run.state}`}>{stateWord(run.state)}</span>
        <span className="faint">
          {" · "}
          <Time at={run.ended_at ?? run.created_at} relative />
        </span>
      </span>
      <span className="sync-note num">
        {count(delivered)} delivered
        {hasFailedRows(run) && <span className="bad"> · {count(invalid + rejected)} failed</span>}
      </span>
    </Link>
  );
}

export function NextRun({ sync }: { sync: Sync }) {
  if (!sync.enabled) return <span className="faint">–</span>;
  if (sync.next_due === null) return <span className="faint">Not by time</span>;
  return (
    <span className="muted">
      <Time at={sync.next_due} relative />
    </span>
  );
}
