import { useQueryClient } from "@tanstack/react-query";
import { type Connections, keys } from "../../../api/keys";

/** Reads one connection again: somebody else changed it. */
export function useReload(kind: Connections, name: string): () => void {
  const cache = useQueryClient();
  return () => void cache.invalidateQueries({ queryKey: keys.connection(kind, name) });
}
