import { useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, type Schemas } from "./client";
import { keys } from "./keys";
import { useTopic } from "./live";

export type Overview = Schemas["Overview"];
export type Alert = Schemas["AlertShown"];

/** The newest runs of each source; kept fresh by the topic `runs`. */
export function useOverview() {
  return useQuery({ queryKey: keys.overview, queryFn: () => ask(api.GET("/api/v1/overview")) });
}

/** What alert channels were told of that is still so. */
export function useAlerts() {
  const cache = useQueryClient();
  useTopic("alerts", null, () => void cache.invalidateQueries({ queryKey: keys.alerts }));
  return useQuery({
    queryKey: keys.alerts,
    queryFn: async () => (await ask(api.GET("/api/v1/alerts"))).items,
  });
}
