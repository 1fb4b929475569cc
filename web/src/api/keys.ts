/** Keys of what is cached. A thing's key begins with its list's, so that the list's name invalidates both. */
export interface SyncFilter {
  source?: string;
  destination?: string;
}

export interface RunFilter {
  sync?: readonly string[];
  state?: readonly string[];
  trigger?: readonly string[];
  source?: readonly string[];
  failed_rows?: boolean;
  /** Created then or later: ISO 8601. */
  since?: string;
}

export type Connections = "sources" | "destinations";

export const keys = {
  session: ["session"],
  setup: ["setup"],
  ways: ["ways"],
  status: ["status"],
  connectors: ["connectors"],
  connections: (kind: Connections) => [kind],
  connectionList: (kind: Connections) => [kind, "list"],
  connection: (kind: Connections, name: string) => [kind, "one", name],
  syncs: ["syncs"],
  syncList: (filter: SyncFilter = {}) => ["syncs", "list", filter],
  sync: (name: string) => ["syncs", "one", name],
  versions: (name: string) => ["syncs", "versions", name],
  runs: ["runs"],
  runLists: ["runs", "list"],
  runList: (filter: RunFilter) => ["runs", "list", filter],
  runTotals: ["runs", "totals"],
  run: (id: string) => ["runs", "one", id],
  failures: (id: string) => ["runs", "failures", id],
  overview: ["overview"],
  alerts: ["alerts"],
} as const;
