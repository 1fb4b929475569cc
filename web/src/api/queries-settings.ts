import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, askTagged, ifMatch, type Schemas } from "./client";
import type { Definition } from "./queries-connections";

export type Entry = Schemas["EntryShown"];
export type KeptSecret = Schemas["SecretShown"];

const settings = ["settings"] as const;
const secrets = ["secrets"] as const;
const audit = ["audit"] as const;

// ---------------------------------------------------------------------------------------------------------- settings

/** The settings that were made in the page, with their version. */
export function useSettings() {
  return useQuery({ queryKey: settings, queryFn: () => askTagged(api.GET("/api/v1/settings")) });
}

/** Every setting as it counts, and where its value comes from. */
export function useEffectiveSettings() {
  return useQuery({
    queryKey: [...settings, "effective"],
    queryFn: async () => (await ask(api.GET("/api/v1/settings/effective"))).items,
  });
}

export type Setting = NonNullable<ReturnType<typeof useEffectiveSettings>["data"]>[number];

/** `mutate({ etag, definition })`; what was said before is read again, also when it was refused. */
export function useSaveSettings() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ etag, definition }: { etag: string; definition: Definition }) =>
      askTagged(api.PUT("/api/v1/settings", { params: { header: ifMatch(etag) }, body: { definition } })),
    onSettled: () => cache.invalidateQueries({ queryKey: settings }),
  });
}

/** The service itself: version, store, addresses, what it is made of. */
export function useAbout() {
  return useQuery({ queryKey: ["about"], queryFn: () => ask(api.GET("/api/v1/about")) });
}

export type About = NonNullable<ReturnType<typeof useAbout>["data"]>;

// ----------------------------------------------------------------------------------------------------------- secrets

/** Which variables have a kept value; values are never told. */
export function useSecrets() {
  return useQuery({ queryKey: secrets, queryFn: async () => (await ask(api.GET("/api/v1/secrets"))).items });
}

function useSecretChange<T, R>(change: (asked: T) => Promise<R>) {
  const cache = useQueryClient();
  return useMutation({ mutationFn: change, onSuccess: () => cache.invalidateQueries({ queryKey: secrets }) });
}

/** `mutate({ name, value })` */
export function useSetSecret() {
  return useSecretChange(({ name, value }: { name: string; value: string }) =>
    ask(api.PUT("/api/v1/secrets/{name}", { params: { path: { name } }, body: { value } })),
  );
}

/** `mutate(name)` */
export function useDeleteSecret() {
  return useSecretChange((name: string) =>
    ask(api.DELETE("/api/v1/secrets/{name}", { params: { path: { name } } })),
  );
}

// ------------------------------------------------------------------------------------------------------------- audit

export interface AuditFilter {
  /** `sync/people`, or `sync/` for all. */
  thing?: string;
  /** `user:ada@example.com`, or `token:`. */
  actor?: string;
}

/** Who changed what, the newest first. */
export function useAudit(filter: AuditFilter) {
  return useInfiniteQuery({
    queryKey: [...audit, filter],
    queryFn: ({ pageParam }) =>
      ask(
        api.GET("/api/v1/audit", {
          params: { query: { limit: 50, ...filter, ...(pageParam && { cursor: pageParam }) } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    select: ({ pages }) => pages.flatMap(({ items }) => items),
  });
}

/** Whether the log is whole: asked on a click, for it reads all of it. */
export function useVerifyAudit() {
  return useMutation({ mutationFn: () => ask(api.GET("/api/v1/audit/verify")) });
}
