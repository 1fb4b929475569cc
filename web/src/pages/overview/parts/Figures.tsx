import { useMemo } from "react";
import { useRunTotals } from "../../../api/queries-runs";
import type { Status } from "../../../api/queries-status";
import { Kpi, Kpis } from "../../../ui/Kpi";
import { Count, count, useNow } from "../../../ui/numbers";

const DAY = 24 * 3_600_000;
const STEP = 10 * 60_000;

/** The last 24 hours in four figures. */
export function Figures({ status }: { status: Status }) {
  // The window moves on in steps: each is a question of its own.
  const until = Math.floor(useNow(STEP) / STEP) * STEP;
  const totals = useRunTotals(useMemo(() => ({ since: new Date(until - DAY).toISOString() }), [until]));
  const { data } = totals;
  const failed = data && data.invalid + data.rejected;
  return (
    <Kpis>
      <Kpi label="Rows sent, 24 h" value={data ? <Count value={data.delivered} /> : "–"} />
      <Kpi label="Failed rows, 24 h" value={failed === undefined ? "–" : <Count value={failed} bad />} />
      <Kpi label="Imports, 24 h" value={data ? <Count value={data.runs} /> : "–"} />
      <Kpi
        label="Syncs enabled"
        value={<Count value={status.enabled} />}
        note={`of ${count(status.syncs)}`}
      />
    </Kpis>
  );
}
