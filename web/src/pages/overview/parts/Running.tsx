import { useMemo } from "react";
import { Link } from "react-router";
import { isLive } from "../../../api/live-cache";
import { useRuns } from "../../../api/queries-runs";
import { paths } from "../../../paths";
import { StateChip } from "../../../ui/Chip";
import { ErrorBox } from "../../../ui/states";
import { RunProgress } from "../../imports/parts/RunProgress";

const LISTED = 10;
const LIVE = ["queued", "extracting", "delivering"];

/** Runs that are going on, with how far they are. */
export function Running() {
  const runs = useRuns(
    useMemo(() => ({ state: LIVE }), []),
    LISTED,
  );
  const live = runs.data?.filter(isLive) ?? [];
  return (
    <section className="section" aria-labelledby="running">
      <div className="section-head">
        <h2 id="running">Running now</h2>
        {(live.length > LISTED || runs.hasNextPage) && (
          <Link className="link push" to={`${paths.imports()}?state=live`}>
            All
          </Link>
        )}
      </div>
      <ErrorBox error={runs.data === undefined ? runs.error : null} retry={() => void runs.refetch()} />
      {runs.data !== undefined && live.length === 0 && <p className="muted">Nothing runs at the moment.</p>}
      <ul className="lines">
        {live.slice(0, LISTED).map((run) => (
          <li key={run.id}>
            <Link className="clip strong" to={paths.imports({ run: run.id })}>
              {run.sync}
            </Link>
            <StateChip state={run.state} />
            <span className="line-rest">
              <RunProgress run={run} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
