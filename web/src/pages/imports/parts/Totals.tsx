import type { RunTotals } from "../../../api/queries-runs";
import { Kpi, Kpis } from "../../../ui/Kpi";
import { Count } from "../../../ui/numbers";
import { PERIODS } from "../filter";

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 2 });

/** What all runs of the filter add up to. */
export function Totals({ totals, period }: { totals: RunTotals | undefined; period: string }) {
  const word = PERIODS.find(
    ({ value, length }) => value === period && length !== undefined,
  )?.label.toLowerCase();
  const failed = totals && totals.invalid + totals.rejected;
  return (
    <Kpis>
      <Kpi label="Imports" value={totals ? <Count value={totals.runs} /> : "–"} note={word} />
      <Kpi label="Rows delivered" value={totals ? <Count value={totals.delivered} /> : "–"} />
      <Kpi label="Success rate" value={totals ? rate(totals) : "–"} />
      <Kpi label="Failed rows" value={failed === undefined ? "–" : <Count value={failed} bad />} />
    </Kpis>
  );
}

/** Of the rows that were settled, those that are where they should be. Never 100 % with a failure among millions. */
function rate({ delivered, duplicate, invalid, rejected }: RunTotals): string {
  const good = delivered + duplicate;
  const failed = invalid + rejected;
  if (good + failed === 0) return "–";
  const share = good / (good + failed);
  return percent.format(failed > 0 ? Math.min(share, 0.9999) : share);
}
