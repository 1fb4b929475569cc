import "../../../charts/charts.css";
import "../imports.css";
import type { Run } from "../../../api/queries-runs";
import { summed } from "../../../charts/bars";
import { count, Duration } from "../../../ui/numbers";

/** How far a run is: rows read while nobody knows how many there will be, then the share of them that is settled. */
export function RunProgress({ run }: { run: Run }) {
  if (run.state === "queued") return <span className="muted">Waits for its turn</span>;
  if (run.state === "extracting") {
    return (
      <span className="muted num">
        {count(read(run))} read · <Duration from={run.started_at} to={null} />
      </span>
    );
  }
  const share = settled(run);
  return (
    <span className="progress">
      <span
        className="meter"
        role="progressbar"
        aria-label={`Progress of ${run.sync}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={share}
      >
        <span style={{ width: `${share}%` }} />
      </span>
      <span className="muted num">{share}%</span>
    </span>
  );
}

/** The worker counts as it reads; the ledger, a part at a time. */
function read(run: Run): number {
  return Math.max(run.extracted, run.progress?.extracted ?? 0);
}

function settled(run: Run): number {
  const { pending, ...done } = summed(run);
  const sum = done.delivered + done.duplicate + done.invalid + done.rejected;
  return sum + pending === 0 ? 0 : Math.floor((100 * sum) / (sum + pending));
}
