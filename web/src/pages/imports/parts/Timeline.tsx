import type { ReactNode } from "react";
import { Link } from "react-router";
import { isLive } from "../../../api/live-cache";
import type { Run, RunState } from "../../../api/queries-runs";
import { paths } from "../../../paths";
import { stateWord } from "../../../ui/Chip";
import { count, Duration, Time } from "../../../ui/numbers";

const TRIGGERS: Record<string, string> = {
  manual: "Started by hand",
  schedule: "Due by its schedule",
  after: "Started after another sync",
  full: "Started by hand, over everything",
  resend: "Failed rows of another import, sent again",
  received: "Calls were received",
};

const ENDS: Partial<Record<RunState, string>> = {
  succeeded: "Every row is where it should be",
  partial: "Every row is settled; some were not taken",
  failed: "It stopped before every row was settled",
  cancelled: "Somebody stopped it",
  skipped: "The run before it was still going on",
};

/** What happened when, from the cause of the run to where the next one begins. */
export function Timeline({ run }: { run: Run }) {
  return (
    <section aria-labelledby="run-timeline">
      <div className="section-head">
        <h3 id="run-timeline">What happened</h3>
      </div>
      <ol className="timeline">
        <Step at={run.created_at} title={TRIGGERS[run.trigger] ?? run.trigger}>
          <Cause run={run} />
        </Step>
        {run.started_at && (
          <Step at={run.started_at} title={run.kind === "query" ? "The query ran" : "Rows were taken up"}>
            <p>
              Waited <Duration from={run.created_at} to={run.started_at} />
            </p>
            {run.kind === "query" && <Since seconds={run.last_sync_time} />}
          </Step>
        )}
        {isLive(run) && run.started_at && <Now run={run} />}
        {run.ended_at && (
          <Step at={run.ended_at} title={stateWord(run.state)} state={run.state}>
            <p>{ENDS[run.state]}</p>
            {run.kind === "query" && run.state !== "skipped" && <Next run={run} />}
          </Step>
        )}
      </ol>
    </section>
  );
}

interface StepProps {
  at: string;
  title: string;
  state?: RunState;
  children?: ReactNode;
}

function Step({ at, title, state, children }: StepProps) {
  return (
    <li className={state}>
      <span className="timeline-at muted">
        <Time at={at} />
      </span>
      <div>
        <p className="strong">{title}</p>
        <div className="muted">{children}</div>
      </div>
    </li>
  );
}

function Cause({ run }: { run: Run }) {
  return (
    <p>
      {run.due && (
        <>
          Due <Time at={run.due} />
          {" · "}
        </>
      )}
      Version {run.version ?? "unknown"} of{" "}
      <Link className="link" to={paths.sync(run.sync)}>
        {run.sync}
      </Link>
    </p>
  );
}

function Since({ seconds }: { seconds: number }) {
  return (
    <p>
      From <code>last_sync_time</code> <Stamp seconds={seconds} />
    </p>
  );
}

function Next({ run }: { run: Run }) {
  const moved = run.next_last_sync_time !== run.last_sync_time;
  return (
    <p>
      <code>last_sync_time</code> {moved ? "moved to " : "stays at "}
      <Stamp seconds={run.next_last_sync_time} />
    </p>
  );
}

/** A `last_sync_time` as the query sees it, and as people read it. */
function Stamp({ seconds }: { seconds: number }) {
  if (seconds === 0) return <>0: everything</>;
  return (
    <>
      <code>{seconds}</code> (<Time at={new Date(seconds * 1_000).toISOString()} />)
    </>
  );
}

function Now({ run }: { run: Run }) {
  const rows = Math.max(run.extracted, run.progress?.extracted ?? 0);
  return (
    <li className="live">
      <span className="timeline-at muted">now</span>
      <div>
        <p className="strong">{stateWord(run.state)}</p>
        <p className="muted">
          {count(rows)} rows read, for <Duration from={run.started_at} to={null} />
        </p>
        {run.cancel_requested && <p className="muted">It was asked to stop</p>}
      </div>
    </li>
  );
}
