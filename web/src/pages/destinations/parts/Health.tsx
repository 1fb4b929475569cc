import type { Connection } from "../../../api/queries-connections";
import { Chip, type Tone } from "../../../ui/Chip";

const WORDS: Record<Connection["health"], [Tone, string]> = {
  broken: ["bad", "Broken"],
  failing: ["bad", "Failing"],
  working: ["ok", "Working"],
  unknown: ["quiet", "Not used yet"],
};

/** How a destination fares, judged by the service from the last runs of its syncs. */
export function Health({ health }: Pick<Connection, "health">) {
  const [tone, word] = WORDS[health];
  return <Chip tone={tone}>{word}</Chip>;
}
