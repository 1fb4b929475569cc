import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { keys, type RunFilter } from "./keys";
import { live, type Topics, useTopic } from "./live";
import type { Run, RunPage } from "./queries-runs";
import type { Status } from "./queries-status";
import { patchSyncs, type Sync } from "./queries-syncs";

type RunPages = InfiniteData<RunPage, string | undefined>;

const LIVE = new Set(["queued", "extracting", "delivering"]);

/** Keeps what was read as it is now. Used once, by the shell. */
export function useLiveCache(): void {
  const cache = useQueryClient();
  useEffect(() => live.start(() => void cache.invalidateQueries()), [cache]);
  useTopic("runs", null, (run) => putRun(cache, run));
  useTopic("syncs", null, (told) => putSyncs(cache, told));
  useTopic("status", null, (told) => {
    cache.setQueryData<Status>(keys.status, (old) => old && { ...old, live_runs: told.live_runs });
  });
}

export function isLive(run: Run): boolean {
  return LIVE.has(run.state);
}

function putRun(cache: QueryClient, run: Run): void {
  const known = cache.getQueryData<Run>(keys.run(run.id));
  cache.setQueryData(keys.run(run.id), run);
  for (const query of cache.getQueryCache().findAll({ queryKey: keys.runLists })) {
    const filter = query.queryKey[2] as RunFilter;
    cache.setQueryData<RunPages>(query.queryKey, (old) => old && placed(old, run, fits(cache, run, filter)));
  }
  patchSyncs(cache, (sync) => (sync.name === run.sync ? withRun(sync, run) : sync));
  const began = known === undefined && isLive(run);
  const ended = !isLive(run) && (known === undefined || isLive(known));
  if (began || ended) soon(cache, keys.overview);
  if (!ended) return;
  for (const queryKey of JUDGED) soon(cache, queryKey);
  void cache.invalidateQueries({ queryKey: keys.sync(run.sync) });
  void cache.invalidateQueries({ queryKey: keys.failures(run.id) });
}

/** What any run may change is read again once, however many of them end in the same moment. */
function soon(cache: QueryClient, queryKey: readonly string[]): void {
  if (awaited.has(queryKey)) return;
  awaited.add(queryKey);
  setTimeout(() => {
    awaited.delete(queryKey);
    void cache.invalidateQueries({ queryKey });
  }, SOON);
}

const SOON = 500;
// What needs attention, and how connections fare, is judged when a run ends.
const JUDGED = [keys.status, keys.runTotals, keys.connections("sources"), keys.connections("destinations")];
const awaited = new Set<readonly string[]>();

/** A list with the run in its place, or without it where it is not wanted there. */
function placed(old: RunPages, run: Run, wanted: boolean): RunPages {
  const there = old.pages.some((page) => page.items.some((one) => one.id === run.id));
  if (!there && !wanted) return old;
  if (there) {
    const swap = (one: Run) => (one.id === run.id ? (wanted ? [run] : []) : [one]);
    return { ...old, pages: old.pages.map((page) => ({ ...page, items: page.items.flatMap(swap) })) };
  }
  const [first, ...rest] = old.pages;
  if (first === undefined) return old;
  const newest = first.items[0];
  // Ids begin with the moment of the run; an old one that changed late belongs on no page that was read.
  if (newest !== undefined && newest.id > run.id) return old;
  return { ...old, pages: [{ ...first, items: [run, ...first.items] }, ...rest] };
}

function fits(cache: QueryClient, run: Run, filter: RunFilter): boolean {
  return (
    among(filter.sync, run.sync) &&
    among(filter.state, run.state) &&
    among(filter.trigger, run.trigger) &&
    (!filter.source?.length || filter.source.includes(sourceOf(cache, run))) &&
    (!filter.failed_rows || hasFailedRows(run))
  );
}

/** A run does not tell its source; its sync, in whatever list of syncs was read, does. */
function sourceOf(cache: QueryClient, run: Run): string {
  const lists = cache.getQueriesData<Sync[]>({ queryKey: ["syncs", "list"] });
  return lists.flatMap(([, list]) => list ?? []).find((sync) => sync.name === run.sync)?.source ?? "";
}

/** A filter that names nothing lets everything through. */
function among(wanted: readonly string[] | undefined, value: string): boolean {
  return !wanted?.length || wanted.includes(value);
}

/** Rows that were not delivered, at any destination. */
export function hasFailedRows(run: Run): boolean {
  return (
    run.unmapped > 0 || Object.values(run.destinations).some((count) => count.invalid + count.rejected > 0)
  );
}

function withRun(sync: Sync, run: Run): Sync {
  const newest = sync.last_run === null || sync.last_run.id <= run.id;
  const lives = isLive(run) ? run : sync.live_run?.id === run.id ? null : sync.live_run;
  return { ...sync, live_run: lives, last_run: newest ? run : sync.last_run };
}

function putSyncs(cache: QueryClient, told: Topics["syncs"]): void {
  const before = generations.get(cache);
  generations.set(cache, told.generation);
  if (before !== undefined && before !== told.generation) {
    for (const key of [
      keys.syncs,
      keys.connections("sources"),
      keys.connections("destinations"),
      keys.status,
    ]) {
      void cache.invalidateQueries({ queryKey: key });
    }
    return;
  }
  patchSyncs(cache, (sync) => {
    const now = told.syncs[sync.name];
    if (now === undefined) return sync;
    // A null says: as its file has it, which the list told when it was read.
    const enabled = now.enabled ?? sync.enabled;
    return { ...sync, enabled, next_due: now.next_due, overruns: now.overruns };
  });
}

// Definitions changed when this number did.
const generations = new WeakMap<QueryClient, number>();
