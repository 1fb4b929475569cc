import { useDeferredValue, useMemo } from "react";
import { useSearchParams } from "react-router";
import { hasFailedRows } from "../../../api/live-cache";
import type { Sync } from "../../../api/queries-syncs";
import { useParam } from "../../../ui/url";

export const STATES = [
  { value: "all", label: "All" },
  { value: "enabled", label: "Enabled" },
  { value: "disabled", label: "Disabled" },
  { value: "running", label: "Running" },
  { value: "attention", label: "Needs attention" },
] as const;

type State = (typeof STATES)[number]["value"];

/** Due times in a row that were skipped, from which on it is no chance. */
const MANY = 2;

export interface SyncFilters {
  state: State;
  setState: (value: string) => void;
  destination: string | null;
  setDestination: (value: string | null) => void;
  source: string | null;
  setSource: (value: string | null) => void;
  narrowed: boolean;
  clear: () => void;
  chosen: (syncs: readonly Sync[] | undefined) => readonly Sync[] | undefined;
}

/** Which syncs are shown: `?q= &state= &source= &destination=` in the address. */
export function useSyncFilters(): SyncFilters {
  const [typed] = useParam("q", "replace");
  const [stateParam, setState] = useParam("state", "replace");
  const [source, setSource] = useParam("source", "replace");
  const [destination, setDestination] = useParam("destination", "replace");
  const [, setParams] = useSearchParams();
  const words = useDeferredValue((typed ?? "").toLowerCase());
  const state = STATES.find(({ value }) => value === stateParam)?.value ?? "all";
  const chosen = useMemo(() => {
    const wanted = (sync: Sync) =>
      (source === null || sync.source === source) &&
      (destination === null || sync.destinations.includes(destination)) &&
      stands(sync, state) &&
      tells(sync, words);
    return (syncs: readonly Sync[] | undefined) => syncs?.filter(wanted);
  }, [words, state, source, destination]);
  return {
    state,
    setState: (value) => setState(value === "all" ? null : value),
    source,
    setSource,
    destination,
    setDestination,
    narrowed: words !== "" || state !== "all" || source !== null || destination !== null,
    clear: () => setParams({}, { replace: true }),
    chosen,
  };
}

function stands(sync: Sync, state: State): boolean {
  if (state === "enabled") return sync.enabled;
  if (state === "disabled") return !sync.enabled;
  if (state === "running") return sync.live_run !== null;
  if (state === "attention") return needsAttention(sync);
  return true;
}

/** Somebody should look at it: it is broken, its last run failed or left rows out, or its runs take too long. */
export function needsAttention(sync: Sync): boolean {
  const ended = sync.last_run;
  const failed =
    ended !== null && (ended.state === "failed" || (ended.state === "partial" && hasFailedRows(ended)));
  return sync.findings.length > 0 || failed || sync.overruns >= MANY;
}

function tells(sync: Sync, words: string): boolean {
  if (words === "") return true;
  const text = [sync.name, sync.description, sync.source ?? "", ...sync.destinations].join(" ").toLowerCase();
  return words.split(/\s+/).every((word) => text.includes(word));
}
