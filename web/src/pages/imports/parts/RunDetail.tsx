import { hasFailedRows, isLive } from "../../../api/live-cache";
import type { Run } from "../../../api/queries-runs";
import { Tag } from "../../../ui/Chip";
import { Facts } from "../../../ui/Kpi";
import { Count, Duration, Time } from "../../../ui/numbers";
import { Note } from "../../../ui/states";
import { Errors } from "./Errors";
import { RunActions } from "./RunActions";
import { RunCounts } from "./RunCounts";
import { Timeline } from "./Timeline";
import { Warnings } from "./Warnings";

/** What happened in a run: to its rows at each destination, why some failed, and when. */
export function RunDetail({ run }: { run: Run }) {
  return (
    <div className="stack-v run">
      <Facts
        facts={[
          ["Started", <Time key="at" at={run.started_at ?? run.created_at} />],
          ["Duration", <Duration key="took" from={run.started_at} to={run.ended_at} />],
          ["Extracted", <Count key="rows" value={Math.max(run.extracted, run.progress?.extracted ?? 0)} />],
          [
            "Call",
            run.call ? (
              <Tag key="call">{run.call}</Tag>
            ) : (
              <span key="call" className="faint">
                as sent
              </span>
            ),
          ],
        ]}
      />
      <RunActions run={run} />
      {run.error && <Note tone="bad">{run.error}</Note>}
      <Waits run={run} />
      <RunCounts run={run} />
      {hasFailedRows(run) && <Errors run={run} />}
      <Warnings warnings={run.warnings} />
      <Timeline run={run} />
    </div>
  );
}

/** Destinations that a live run waits for. */
function Waits({ run }: { run: Run }) {
  const waiting = Object.entries(run.progress?.waiting ?? {});
  if (!isLive(run) || waiting.length === 0) return null;
  return (
    <Note tone="warn">
      {waiting.map(([name, why]) => (
        <p key={name}>
          <b>{name}</b> is waited for: {why}
        </p>
      ))}
    </Note>
  );
}
