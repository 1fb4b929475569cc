import type { Schemas } from "../api/client";
import type { Run } from "../api/queries-runs";

export type Bar = Schemas["BarShown"];

/** How many runs a chart shows. */
export const SLOTS = 50;

/** A run as a chart shows it: its counts over all destinations. */
export function barOf(run: Run): Bar {
  const { id, sync, state, created_at, ended_at, extracted } = run;
  return { id, sync, state, created_at, ended_at, extracted, ...summed(run) };
}

/** What became of a run's rows, over all its destinations. */
export function summed(run: Run): Schemas["Counts"] {
  const sum = { delivered: 0, duplicate: 0, invalid: 0, rejected: 0, pending: 0 };
  for (const counts of Object.values(run.destinations)) {
    sum.delivered += counts.delivered;
    sum.duplicate += counts.duplicate;
    sum.invalid += counts.invalid;
    sum.rejected += counts.rejected;
    sum.pending += counts.pending;
  }
  return sum;
}

/** The lines of an axis from 0 to a round number that nothing is higher than. */
export function ticks(highest: number, lines = 4): number[] {
  const rough = Math.max(1, highest / lines);
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((by) => by * size).find((by) => by >= rough && Number.isInteger(by));
  const round = step ?? Math.ceil(rough);
  const steps = Math.max(1, Math.ceil(highest / round));
  return Array.from({ length: steps + 1 }, (_, at) => at * round);
}
