import { useMemo } from "react";
import { useSearchParams } from "react-router";
import type { RunFilter } from "../../api/keys";
import type { RunState } from "../../api/queries-runs";
import { stateWord } from "../../ui/Chip";
import { useParam } from "../../ui/url";

/** `live` stands for all three states of a run that is not over. */
const LIVE: readonly RunState[] = ["queued", "extracting", "delivering"];
const ENDS: readonly RunState[] = ["succeeded", "partial", "failed", "cancelled", "skipped"];

export const STATES = [
  { value: "all", label: "All" },
  { value: "live", label: "Running" },
  ...ENDS.map((state) => ({ value: state, label: stateWord(state) })),
];

const HOUR = 3_600_000;

export const PERIODS = [
  { value: "all", label: "Any time" },
  { value: "1h", label: "Last hour", length: HOUR },
  { value: "24h", label: "Last 24 hours", length: 24 * HOUR },
  { value: "7d", label: "Last 7 days", length: 7 * 24 * HOUR },
  { value: "30d", label: "Last 30 days", length: 30 * 24 * HOUR },
];

export interface Filters {
  sync: string | null;
  state: string;
  period: string;
  setSync: (value: string | null) => void;
  setState: (value: string) => void;
  setPeriod: (value: string) => void;
  /** As the API takes it. */
  wanted: RunFilter;
  /** Whether anything is left out. */
  narrowed: boolean;
  clear: () => void;
}

/** What of the history is shown: `?sync= &state= &since=` in the address. `fixed` is what the page itself is about. */
export function useFilters(fixed: { source?: string; sync?: string }): Filters {
  const [sync, setSync] = useParam("sync", "replace");
  const [stateParam, setState] = useParam("state", "replace");
  const [since, setSince] = useParam("since", "replace");
  const [, setParams] = useSearchParams();
  const state = STATES.some(({ value }) => value === stateParam) ? (stateParam ?? "all") : "all";
  const period = PERIODS.find(({ value }) => value === since) ?? PERIODS[0];
  const length = period?.length;
  // The moment is taken once: were it new each time, each look would be another question.
  const from = useMemo(() => (length ? new Date(Date.now() - length).toISOString() : undefined), [length]);
  const one = fixed.sync ?? sync;
  const { source } = fixed;
  const wanted = useMemo(() => {
    const states = state === "live" ? LIVE : state === "all" ? null : [state];
    return {
      ...(source && { source: [source] }),
      ...(one && { sync: [one] }),
      ...(states && { state: states }),
      ...(from && { since: from }),
    };
  }, [source, one, state, from]);
  return {
    sync,
    state,
    period: period?.value ?? "all",
    setSync,
    setState: (value) => setState(value === "all" ? null : value),
    setPeriod: (value) => setSince(value === "all" ? null : value),
    wanted,
    narrowed: sync !== null || state !== "all" || from !== undefined,
    clear: () =>
      setParams(
        (old) => new URLSearchParams([...old].filter(([name]) => !["sync", "state", "since"].includes(name))),
        { replace: true },
      ),
  };
}
