import { useMemo } from "react";
import type { Definition } from "../../../api/queries-connections";
import { type Sync, useVersions } from "../../../api/queries-syncs";

/** The definition of a sync with its query, also where that stands in a file of its own. */
export function useWholeDefinition(sync: Sync): Definition {
  const { definition } = sync;
  const elsewhere = definition.query_file !== undefined;
  const query = useVersions(sync.name, elsewhere).data?.[0]?.definition.query;
  return useMemo(
    () => (elsewhere ? { ...definition, query: query ?? "" } : definition),
    [definition, elsewhere, query],
  );
}
