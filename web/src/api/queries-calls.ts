import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, ask, type Schemas } from "./client";

export type KeptCall = Schemas["KeptCallShown"];
export type Answer = Schemas["KeptAnswer"];
export type Outcome = Answer["outcome"];
export type CallKind = Schemas["CallKind"];
type CallPage = Schemas["Page_KeptCallShown_"];

/** Which calls are looked at; the topic `calls` takes the same. */
export interface CallFilter {
  source?: string;
  sync?: string;
  run?: string;
  kind?: CallKind;
  outcome?: Outcome;
  text?: string;
}

const keys = {
  calls: ["calls"],
  list: (filter: CallFilter) => ["calls", "list", filter],
  one: (id: string) => ["calls", "one", id],
} as const;

/** Calls that the service keeps, the newest first; `data` is the flat list. */
export function useCalls(filter: CallFilter) {
  return useInfiniteQuery({
    queryKey: keys.list(filter),
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET("/api/v1/calls", {
          params: { query: { ...filter, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: CallPage) => page.next ?? undefined,
    select: ({ pages }) => pages.flatMap((page) => page.items),
  });
}

/** One kept call. Once its run has ended nothing about it changes any more. */
export function useCall(id: string) {
  return useQuery({
    queryKey: keys.one(id),
    queryFn: () => ask(api.GET("/api/v1/calls/{call_id}", { params: { path: { call_id: Number(id) } } })),
  });
}

const LONGEST_TEXT = 200;

/** A call by where it came in and its messageId: one that was shown before any run had it. Null: it is not kept. */
export function useCallOfMessage(source: string, message: string) {
  return useQuery({
    queryKey: keys.one(`${source}/${message}`),
    queryFn: async () => {
      const query = { source, text: message.slice(0, LONGEST_TEXT) };
      const { items } = await ask(api.GET("/api/v1/calls", { params: { query } }));
      return items.find((call) => call.message_id === message) ?? null;
    },
  });
}
