import { useQuery } from "@tanstack/react-query";
import { api, ask, type Schemas } from "./client";
import { keys } from "./keys";

export type Connector = Schemas["ConnectorShown"];
export type FieldShown = Schemas["FieldShown"];

/** Every connector that this service has; they change only with its version. */
export function useConnectors() {
  return useQuery({
    queryKey: keys.connectors,
    queryFn: async () => (await ask(api.GET("/api/v1/connectors"))).items,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** One of them; undefined while they load, and where there is none. */
export function useConnector(role: Connector["role"], type: string | undefined): Connector | undefined {
  return useConnectors().data?.find((one) => one.role === role && one.type === type);
}
