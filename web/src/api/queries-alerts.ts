import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, askAll, askTagged, ifMatch, type Schemas } from "./client";
import { useTopic } from "./live";
import type { Check, Definition } from "./queries-connections";

export type Channel = Schemas["ChannelShown"];
export type Notice = Schemas["NoticeShown"];

const alerts = ["alerts"] as const;
const channels = ["alerts", "channels"] as const;
const PAGE = 50;

/** What is wrong now. */
export function useOpenAlerts() {
  return useQuery({
    queryKey: [...alerts, "open"],
    queryFn: async () => (await ask(api.GET("/api/v1/alerts"))).items,
  });
}

/** Messages to channels, the newest first. */
export function useNotices() {
  return useInfiniteQuery({
    queryKey: [...alerts, "notices"],
    queryFn: ({ pageParam }) =>
      ask(
        api.GET("/api/v1/alerts/notices", {
          params: { query: { limit: PAGE, ...(pageParam && { cursor: pageParam }) } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    select: ({ pages }) => pages.flatMap(({ items }) => items),
  });
}

/** Reads both again whenever something is raised, or is over. */
export function useLiveAlerts(): void {
  const cache = useQueryClient();
  useTopic("alerts", null, () => void cache.invalidateQueries({ queryKey: alerts }));
}

/** All channels, by name. */
export function useChannels() {
  return useQuery({
    queryKey: channels,
    queryFn: () =>
      askAll((cursor) =>
        api.GET("/api/v1/alerts/channels", { params: { query: { limit: 200, ...(cursor && { cursor }) } } }),
      ),
  });
}

const at = (name: string) => ({ params: { path: { name } } });

/** One channel with its version: `data.value`, `data.etag`. */
export function useChannel(name: string) {
  return useQuery({
    queryKey: [...channels, name],
    queryFn: () => askTagged(api.GET("/api/v1/alerts/channels/{name}", at(name))),
  });
}

function useChange<T, R>(change: (asked: T) => Promise<R>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => cache.invalidateQueries({ queryKey: alerts }),
  });
}

/** `mutate({ name, etag, definition })`: makes the channel where there is no etag, or else edits it. */
export function useSaveChannel() {
  return useChange(
    ({ name, etag, definition }: { name: string; etag: string | null; definition: Definition }) =>
      etag === null
        ? ask(api.POST("/api/v1/alerts/channels", { body: { name, definition } }))
        : ask(
            api.PUT("/api/v1/alerts/channels/{name}", {
              params: { path: { name }, header: ifMatch(etag) },
              body: { definition },
            }),
          ),
  );
}

/** `mutate({ name, etag })` */
export function useDeleteChannel() {
  return useChange(({ name, etag }: { name: string; etag: string }) =>
    ask(api.DELETE("/api/v1/alerts/channels/{name}", { params: { path: { name }, header: ifMatch(etag) } })),
  );
}

/** Send a test message: `mutate(name)`. Problems are an answer, not an error. */
export function useTestChannel() {
  return useMutation({
    mutationFn: (name: string): Promise<Check> =>
      ask(api.POST("/api/v1/alerts/channels/{name}/test", at(name))),
  });
}
