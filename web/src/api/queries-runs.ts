import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api, ask, type Schemas } from "./client";
import { keys, type RunFilter } from "./keys";

export type Run = Schemas["RunShown"];
export type RunState = Schemas["RunState"];
export type RunPage = Schemas["Page_RunShown_"];

/** Runs, the newest first; `data` is the flat list. Kept fresh by the topic `runs`. */
export function useRuns(filter: RunFilter = {}, limit = 50) {
  return useInfiniteQuery({
    queryKey: [...keys.runList(filter), limit],
    queryFn: ({ pageParam }) =>
      ask(api.GET("/api/v1/runs", { params: { query: asked(filter, limit, pageParam) } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: RunPage) => page.next ?? undefined,
    select: ({ pages }) => pages.flatMap((page) => page.items),
  });
}

function asked(filter: RunFilter, limit: number, cursor: string | undefined) {
  return { ...wanted(filter), limit, ...(cursor && { cursor }) };
}

function wanted(filter: RunFilter) {
  return {
    ...(filter.sync && { sync: [...filter.sync] }),
    ...(filter.state && { state: [...filter.state] as RunState[] }),
    ...(filter.trigger && { trigger: [...filter.trigger] }),
    ...(filter.source && { source: [...filter.source] }),
    ...(filter.failed_rows && { failed_rows: true }),
    ...(filter.since && { since: filter.since }),
  };
}

export type RunTotals = Schemas["TotalsShown"];

/** What the runs of a filter add up to; read again when one of them has ended. */
export function useRunTotals(filter: RunFilter = {}) {
  return useQuery({
    queryKey: [...keys.runTotals, filter],
    queryFn: () => ask(api.GET("/api/v1/runs/totals", { params: { query: wanted(filter) } })),
    placeholderData: keepPreviousData,
  });
}

export function useRun(id: string | undefined) {
  return useQuery({
    queryKey: keys.run(id ?? ""),
    queryFn: () => ask(api.GET("/api/v1/runs/{run_id}", { params: { path: { run_id: id ?? "" } } })),
    enabled: id !== undefined,
  });
}

function useChange<T>(change: (asked: T) => Promise<Run>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (run) => {
      cache.setQueryData(keys.run(run.id), run);
      return Promise.all([
        cache.invalidateQueries({ queryKey: keys.runLists }),
        cache.invalidateQueries({ queryKey: keys.runTotals }),
        cache.invalidateQueries({ queryKey: keys.status }),
      ]);
    },
  });
}

/** `mutate(id)` */
export function useCancelRun() {
  return useChange((id: string) =>
    ask(api.POST("/api/v1/runs/{run_id}/cancel", { params: { path: { run_id: id } } })),
  );
}

/** Send the failed rows again: `mutate({ id, destinations? })`; the answer is the new run. */
export function useResend() {
  return useChange(({ id, destinations = null }: { id: string; destinations?: string[] | null }) =>
    ask(
      api.POST("/api/v1/runs/{run_id}/resend", { params: { path: { run_id: id } }, body: { destinations } }),
    ),
  );
}
