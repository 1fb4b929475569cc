import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, askAll, type Schemas } from "./client";

export type WriteKey = Schemas["WriteKeyShown"];

const cacheKey = (source: string) => ["write-keys", source] as const;

/** The write keys of one source, without the keys themselves. */
export function useWriteKeys(source: string, enabled = true) {
  return useQuery({
    queryKey: cacheKey(source),
    queryFn: () =>
      askAll((cursor) =>
        api.GET("/api/v1/write-keys", {
          params: { query: { source, limit: 100, ...(cursor && { cursor }) } },
        }),
      ),
    enabled,
  });
}

/** `mutate({ source, name })`; `data.text` is the key, told this once. */
export function useCreateWriteKey() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["WriteKeyAsked"]) => ask(api.POST("/api/v1/write-keys", { body })),
    onSuccess: (_, { source }) => cache.invalidateQueries({ queryKey: cacheKey(source) }),
  });
}

/** `mutate({ source, id })`: calls with it are refused within seconds. */
export function useDeleteWriteKey() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ id }: { source: string; id: string }) =>
      ask(api.DELETE("/api/v1/write-keys/{key_id}", { params: { path: { key_id: id } } })),
    onSuccess: (_, { source }) => cache.invalidateQueries({ queryKey: cacheKey(source) }),
  });
}
