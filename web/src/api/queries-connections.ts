import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, askAll, askTagged, ifMatch, type Schemas } from "./client";
import { type Connections, keys } from "./keys";

export type Connection = Schemas["ConnectionShown"];
export type Check = Schemas["CheckShown"];
/** What stands under a name in `headrace.yaml`. */
export type Definition = Record<string, unknown>;

const LIMIT = 200;

// The two kinds have the same routes, and types that only differ in their address.
const routes = {
  sources: {
    list: (cursor?: string) => api.GET("/api/v1/sources", paged(cursor)),
    get: (name: string) => api.GET("/api/v1/sources/{name}", { params: { path: { name } } }),
    create: (body: Schemas["New"]) => api.POST("/api/v1/sources", { body }),
    update: (name: string, etag: string, body: Schemas["Edit"]) =>
      api.PUT("/api/v1/sources/{name}", { params: { path: { name }, header: ifMatch(etag) }, body }),
    remove: (name: string, etag: string) =>
      api.DELETE("/api/v1/sources/{name}", { params: { path: { name }, header: ifMatch(etag) } }),
    test: (body: Schemas["ConnectionTest"]) => api.POST("/api/v1/sources/test", { body }),
    check: (name: string) => api.POST("/api/v1/sources/{name}/check", { params: { path: { name } } }),
  },
  destinations: {
    list: (cursor?: string) => api.GET("/api/v1/destinations", paged(cursor)),
    get: (name: string) => api.GET("/api/v1/destinations/{name}", { params: { path: { name } } }),
    create: (body: Schemas["New"]) => api.POST("/api/v1/destinations", { body }),
    update: (name: string, etag: string, body: Schemas["Edit"]) =>
      api.PUT("/api/v1/destinations/{name}", { params: { path: { name }, header: ifMatch(etag) }, body }),
    remove: (name: string, etag: string) =>
      api.DELETE("/api/v1/destinations/{name}", { params: { path: { name }, header: ifMatch(etag) } }),
    test: (body: Schemas["ConnectionTest"]) => api.POST("/api/v1/destinations/test", { body }),
    check: (name: string) => api.POST("/api/v1/destinations/{name}/check", { params: { path: { name } } }),
  },
};

export function paged(cursor: string | undefined) {
  return { params: { query: cursor === undefined ? { limit: LIMIT } : { limit: LIMIT, cursor } } };
}

function useList(kind: Connections) {
  return useQuery({ queryKey: keys.connectionList(kind), queryFn: () => askAll(routes[kind].list) });
}

function useOne(kind: Connections, name: string | undefined) {
  return useQuery({
    queryKey: keys.connection(kind, name ?? ""),
    queryFn: () => askTagged(routes[kind].get(name ?? "")),
    enabled: name !== undefined,
  });
}

/** All sources, by name. */
export const useSources = () => useList("sources");
/** All destinations, by name. */
export const useDestinations = () => useList("destinations");
/** One source with its version: `data.value`, `data.etag`. */
export const useSource = (name: string | undefined) => useOne("sources", name);
/** One destination with its version: `data.value`, `data.etag`. */
export const useDestination = (name: string | undefined) => useOne("destinations", name);

/** Lists and syncs tell of connections: whatever changes one makes them stale. */
function useChange<T, R>(kind: Connections, change: (asked: T) => Promise<R>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: keys.connections(kind) }),
        cache.invalidateQueries({ queryKey: keys.syncs }),
        cache.invalidateQueries({ queryKey: keys.status }),
      ]),
  });
}

/** `mutate({ name, definition })` */
export function useCreateConnection(kind: Connections) {
  return useChange(kind, (asked: { name: string; definition: Definition }) =>
    ask(routes[kind].create(asked)),
  );
}

/** `mutate({ name, etag, definition })`; a secret that is absent stays as it is. */
export function useUpdateConnection(kind: Connections) {
  return useChange(kind, (asked: { name: string; etag: string; definition: Definition }) =>
    askTagged(routes[kind].update(asked.name, asked.etag, { definition: asked.definition })),
  );
}

/** `mutate({ name, etag })` */
export function useDeleteConnection(kind: Connections) {
  return useChange(kind, (asked: { name: string; etag: string }) =>
    ask(routes[kind].remove(asked.name, asked.etag)),
  );
}

/** Try settings that are not saved: `mutate({ name?, definition })`. Problems are an answer, not an error. */
export function useTestConnection(kind: Connections) {
  return useMutation({
    mutationFn: ({
      name = "unsaved",
      definition,
    }: {
      name?: string;
      definition: Definition;
    }): Promise<Check> => ask(routes[kind].test({ name, definition })),
  });
}

/** Try a saved connection: `mutate(name)`. */
export function useCheckConnection(kind: Connections) {
  return useMutation({ mutationFn: (name: string): Promise<Check> => ask(routes[kind].check(name)) });
}
