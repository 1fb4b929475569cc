import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { api, ask, type Schemas } from "./client";
import { useTopic } from "./live";
import { isLive } from "./live-cache";

export type Workspace = Schemas["WorkspaceShown"];
export type Person = Schemas["PersonShown"];
export type WholePerson = Schemas["WholePerson"];
export type WorkspaceEvent = Schemas["EventShown"];
export type Relationship = Schemas["RelationshipShown"];
export type WorkspaceObject = Schemas["ObjectShown"];
export type Device = Schemas["DeviceShown"];

interface Page<T> {
  items: T[];
  next?: string | null;
}

/** Whatever a run brings may change anything in a workspace: all keys begin with its name. */
const key = (workspace: string, ...rest: unknown[]) => ["workspaces", workspace, ...rest];

/** A list that comes in pages; the last one stays to be seen while the next search is asked. */
function usePages<T>(
  queryKey: unknown[],
  page: (query: { cursor?: string }, signal: AbortSignal) => Promise<Page<T>>,
) {
  return useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => page(pageParam === null ? {} : { cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last: Page<T>) => last.next ?? undefined,
    select: ({ pages }) => pages.flatMap((one) => one.items),
    placeholderData: keepPreviousData,
  });
}

/** How much a workspace holds. */
export function useWorkspace(name: string) {
  return useQuery({
    queryKey: key(name),
    queryFn: () => ask(api.GET("/api/v1/workspaces/{name}", { params: { path: { name } } })),
  });
}

/** People, the newest first. A search that another has overtaken is not waited for. */
export function usePeople(name: string, search: string) {
  return usePages(key(name, "people", search), (page, signal) =>
    ask(
      api.GET("/api/v1/workspaces/{name}/people", {
        params: { path: { name }, query: { search, ...page } },
        signal,
      }),
    ),
  );
}

export function usePerson(name: string, person: number) {
  return useQuery({
    queryKey: key(name, "person", person),
    queryFn: () =>
      ask(api.GET("/api/v1/workspaces/{name}/people/{person}", { params: { path: { name, person } } })),
  });
}

/** A person's events, the last received first. */
export function useEvents(name: string, person: number) {
  return usePages(key(name, "person", person, "events"), (query, signal) =>
    ask(
      api.GET("/api/v1/workspaces/{name}/people/{person}/events", {
        params: { path: { name, person }, query },
        signal,
      }),
    ),
  );
}

/** What a person relates to. */
export function useRelationships(name: string, person: number) {
  return usePages(key(name, "person", person, "relationships"), (query, signal) =>
    ask(
      api.GET("/api/v1/workspaces/{name}/people/{person}/relationships", {
        params: { path: { name, person }, query },
        signal,
      }),
    ),
  );
}

/** Objects of one type, or of all, the newest first. */
export function useObjects(name: string, type: string | null, search: string) {
  return usePages(key(name, "objects", type, search), (page, signal) =>
    ask(
      api.GET("/api/v1/workspaces/{name}/objects", {
        params: { path: { name }, query: { ...(type !== null && { type }), search, ...page } },
        signal,
      }),
    ),
  );
}

export function useObject(name: string, number: number) {
  return useQuery({
    queryKey: key(name, "object", number),
    queryFn: () =>
      ask(api.GET("/api/v1/workspaces/{name}/objects/{number}", { params: { path: { name, number } } })),
  });
}

/** Who relates to an object. */
export function useObjectPeople(name: string, number: number) {
  return usePages(key(name, "object", number, "people"), (query, signal) =>
    ask(
      api.GET("/api/v1/workspaces/{name}/objects/{number}/people", {
        params: { path: { name, number }, query },
        signal,
      }),
    ),
  );
}

const SELDOM = 3_000;

/** Reads the workspace again when a run has brought something, and now and then while one does. */
export function useFreshWorkspace(name: string): void {
  const cache = useQueryClient();
  const last = useRef({ at: 0, delivered: 0 });
  useTopic("runs", null, (run) => {
    const here = run.destinations[name];
    if (here === undefined) return;
    const news =
      !isLive(run) || (here.delivered !== last.current.delivered && Date.now() - last.current.at > SELDOM);
    if (!news) return;
    last.current = { at: Date.now(), delivered: here.delivered };
    void cache.invalidateQueries({ queryKey: key(name) });
  });
}
