import { ActionIcon, Tooltip } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Schemas } from "../../../api/client";
import { hasFailedRows, isLive } from "../../../api/live-cache";
import { failuresFile } from "../../../api/queries-failures";
import type { Run } from "../../../api/queries-runs";
import { summed } from "../../../charts/bars";
import { StateChip, Tag } from "../../../ui/Chip";
import type { Column } from "../../../ui/DataTable";
import { Count, count, Duration, Time } from "../../../ui/numbers";
import { useParamLink } from "../../../ui/url";
import { useMayPreview } from "./mayPreview";
import { RunProgress } from "./RunProgress";

type Counted = keyof Schemas["Counts"];

/** A row per run, and in it a line per destination. */
export function columns({ sync }: { sync: boolean }): Column<Run>[] {
  return [
    { key: "state", head: "State", cell: (run) => <StateChip state={run.state} />, spot: "top-right" },
    {
      key: "run",
      head: sync ? "Sync" : "Import",
      cell: (run) => <Title run={run} sync={sync} />,
      spot: "title",
    },
    { key: "call", head: "Call", cell: (run) => run.call && <Tag>{run.call}</Tag>, spot: "hide" },
    { key: "started", head: "Started", cell: (run) => <Started run={run} />, spot: "left" },
    { key: "summary", head: "Rows", cell: (run) => <Summary run={run} />, spot: "right", phoneOnly: true },
    { key: "took", head: "Duration", width: 150, cell: (run) => <Took run={run} />, spot: "line" },
    {
      key: "extracted",
      head: "Extracted",
      align: "right",
      cell: (run) => <Count value={Math.max(run.extracted, run.progress?.extracted ?? 0)} />,
      spot: "hide",
    },
    { key: "to", head: "To", cell: (run) => <Lines run={run} of={(name) => name} />, spot: "hide" },
    counted("delivered", "Delivered"),
    counted("duplicate", "Duplicate"),
    counted("invalid", "Invalid"),
    counted("rejected", "Rejected"),
    counted("pending", "Pending"),
    {
      key: "file",
      head: <span className="sr">Failed rows</span>,
      cell: (run) => <File run={run} />,
      spot: "hide",
    },
  ];
}

function counted(key: Counted, head: string): Column<Run> {
  const bad = key === "invalid" || key === "rejected";
  return {
    key,
    head,
    align: "right",
    cell: (run) => <Lines run={run} of={(_, counts) => <Count value={counts[key]} bad={bad} />} />,
    spot: "hide",
  };
}

function Title({ run, sync }: { run: Run; sync: boolean }) {
  const link = useParamLink();
  return (
    <Link className="imports-title clip" to={link("run", run.id)} preventScrollReset>
      {sync ? run.sync : run.id}
    </Link>
  );
}

function Started({ run }: { run: Run }) {
  return (
    <span className="muted">
      <Time at={run.started_at ?? run.created_at} />
    </span>
  );
}

function Took({ run }: { run: Run }) {
  if (isLive(run)) return <RunProgress run={run} />;
  return (
    <span className="muted wide-cell">
      <Duration from={run.started_at} to={run.ended_at} />
    </span>
  );
}

/** One line for each destination, in the same order in each column. */
function Lines({ run, of }: { run: Run; of: (name: string, counts: Schemas["Counts"]) => ReactNode }) {
  return Object.entries(run.destinations).map(([name, counts]) => (
    <div key={name} className="imports-line">
      {of(name, counts)}
    </div>
  ));
}

/** In the place of the figures, where there is no room for them. */
function Summary({ run }: { run: Run }) {
  const { delivered, invalid, rejected } = summed(run);
  const failed = invalid + rejected;
  return (
    <span className="num">
      {count(delivered)} <span className="faint">delivered</span>
      {failed > 0 && (
        <>
          {" · "}
          <span className="bad strong">{count(failed)}</span> <span className="faint">failed</span>
        </>
      )}
    </span>
  );
}

function File({ run }: { run: Run }) {
  const may = useMayPreview();
  if (!may || isLive(run) || !hasFailedRows(run)) return null;
  const label = `Download failed rows of ${run.sync}, ${run.id}`;
  return (
    <Tooltip label="Download failed rows (CSV)">
      <ActionIcon component="a" href={failuresFile(run.id, "csv")} download aria-label={label}>
        <IconDownload size={15} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}
