import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, askAll, askTagged, ifMatch, type Schemas, type Tagged } from "./client";
import { keys, type SyncFilter } from "./keys";
import type { Definition } from "./queries-connections";

export type Sync = Schemas["SyncShown"];

/** All syncs, by name, and how each stands; kept fresh by the topics `syncs` and `runs`. */
export function useSyncs(filter: SyncFilter = {}) {
  return useQuery({
    queryKey: keys.syncList(filter),
    queryFn: () =>
      askAll((cursor) =>
        api.GET("/api/v1/syncs", { params: { query: { ...filter, limit: 200, ...(cursor && { cursor }) } } }),
      ),
  });
}

/** One sync with its version: `data.value`, `data.etag`. */
export function useSync(name: string | undefined) {
  return useQuery({
    queryKey: keys.sync(name ?? ""),
    queryFn: () => askTagged(api.GET("/api/v1/syncs/{name}", { params: { path: { name: name ?? "" } } })),
    enabled: name !== undefined,
  });
}

/** Whatever changes a sync makes all lists of syncs stale, and the state of the service. */
function useChange<T, R>(change: (asked: T) => Promise<R>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: keys.syncs }),
        cache.invalidateQueries({ queryKey: keys.status }),
      ]),
  });
}

const at = (name: string) => ({ params: { path: { name } } });

/** `mutate({ name, definition })` */
export function useCreateSync() {
  return useChange((body: { name: string; definition: Definition }) =>
    ask(api.POST("/api/v1/syncs", { body })),
  );
}

/** `mutate({ name, etag, definition })` */
export function useUpdateSync() {
  return useChange(({ name, etag, definition }: { name: string; etag: string; definition: Definition }) =>
    askTagged(
      api.PUT("/api/v1/syncs/{name}", {
        params: { path: { name }, header: ifMatch(etag) },
        body: { definition },
      }),
    ),
  );
}

/** `mutate({ name, etag })`; the sync's runs are kept. */
export function useDeleteSync() {
  return useChange(({ name, etag }: { name: string; etag: string }) =>
    ask(api.DELETE("/api/v1/syncs/{name}", { params: { path: { name }, header: ifMatch(etag) } })),
  );
}

/** `mutate({ name, enabled })`. It shows at once; where the service refuses, it goes back to what it was. */
export function useSetEnabled() {
  const cache = useQueryClient();
  const show = ({ name, enabled }: { name: string; enabled: boolean }) =>
    patchSyncs(cache, (sync) => (sync.name === name ? { ...sync, enabled } : sync));
  return useMutation({
    mutationFn: ({ name, enabled }: { name: string; enabled: boolean }) =>
      ask(
        enabled
          ? api.POST("/api/v1/syncs/{name}/enable", at(name))
          : api.POST("/api/v1/syncs/{name}/disable", at(name)),
      ),
    onMutate: async (asked) => {
      await cache.cancelQueries({ queryKey: keys.syncs }); // an older answer must not undo what is shown
      show(asked);
    },
    onError: (_, { name, enabled }) => show({ name, enabled: !enabled }),
    onSettled: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: keys.syncs }),
        cache.invalidateQueries({ queryKey: keys.status }),
      ]),
  });
}

/** Change what was read of syncs, in every list and wherever one is shown alone. */
export function patchSyncs(cache: QueryClient, patch: (sync: Sync) => Sync): void {
  cache.setQueriesData<Sync[]>({ queryKey: ["syncs", "list"] }, (old) => old?.map(patch));
  cache.setQueriesData<Tagged<Sync>>(
    { queryKey: ["syncs", "one"] },
    (old) => old && { ...old, value: patch(old.value) },
  );
}

/** Run now: `mutate({ name })`, or once over everything: `mutate({ name, full: true })`. */
export function useRunSync() {
  return useChange(({ name, full = false }: { name: string; full?: boolean }) =>
    ask(
      full
        ? api.POST("/api/v1/syncs/{name}/run-full", at(name))
        : api.POST("/api/v1/syncs/{name}/run", at(name)),
    ),
  );
}

/** From where the next run reads: `mutate({ name, last_sync_time })`; 0 sends everything. */
export function useSetLastSyncTime() {
  return useChange(({ name, last_sync_time }: { name: string; last_sync_time: number }) =>
    ask(api.PUT("/api/v1/syncs/{name}/last-sync-time", { ...at(name), body: { last_sync_time } })),
  );
}

/** What a sync was, the newest first. */
export function useVersions(name: string, enabled = true) {
  return useQuery({
    enabled,
    queryKey: keys.versions(name),
    queryFn: async () => (await ask(api.GET("/api/v1/syncs/{name}/versions", at(name)))).items,
  });
}
