import { ApiProblem } from "../../../api/client";
import type { Problem } from "../../../editor/problems";

// Findings have no place of their own; in their words they do.
const SPOT = /\(line (\d+), column (\d+) of the query\)/;

/** The place in the query that an error is about; null where it tells none. */
export function problemOf(error: unknown): Problem | null {
  if (!(error instanceof ApiProblem)) return null;
  const { line, column, message, findings } = error;
  if (line !== null) return { line, column, message };
  for (const finding of findings) {
    const spot = SPOT.exec(finding.message);
    if (spot) return { line: Number(spot[1]), column: Number(spot[2]), message: finding.message };
  }
  return null;
}
