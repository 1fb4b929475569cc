import { useQuery } from "@tanstack/react-query";
import { api, ask, type Schemas } from "./client";
import { keys } from "./keys";

export type Status = Schemas["Status"];
export type Attention = Schemas["Attention"];

/** The service at one look; kept fresh by its topic and, for what has no topic, by the minute. */
export function useStatus() {
  return useQuery({
    queryKey: keys.status,
    queryFn: () => ask(api.GET("/api/v1/status")),
    refetchInterval: 60_000,
  });
}
