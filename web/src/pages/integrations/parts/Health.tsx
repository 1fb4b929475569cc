import { Link } from "react-router";
import type { Connection } from "../../../api/queries-connections";
import { paths } from "../../../paths";
import { Chip, StateChip, type Tone } from "../../../ui/Chip";
import { Time } from "../../../ui/numbers";

const HEALTH: Record<Connection["health"], [Tone, string]> = {
  working: ["ok", "Working"],
  failing: ["warn", "Failing"],
  broken: ["bad", "Broken"],
  unknown: ["quiet", "No runs yet"],
};

/** How a connection does, by the last runs of its syncs. */
export function HealthChip({ connection }: { connection: Connection }) {
  const [tone, word] = HEALTH[connection.health];
  return <Chip tone={tone}>{word}</Chip>;
}

/** The newest run of any of its syncs: how it went, and when. */
export function LastRun({ connection }: { connection: Connection }) {
  const run = connection.last_run;
  if (run === null) return <span className="faint">–</span>;
  return (
    <Link className="row-h last-run" to={paths.imports({ run: run.id })}>
      <StateChip state={run.state} />
      <span className="muted">
        <Time at={run.created_at} relative />
      </span>
    </Link>
  );
}
