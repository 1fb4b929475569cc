/** The one variable of queries. Here, so that a page can ask for it before the editor is loaded. */
export const LAST_SYNC_TIME = "{{last_sync_time}}";

/** Whether a query asks only for what changed. */
export function usesLastSyncTime(query: string): boolean {
  return /\{\{\s*last_sync_time\s*\}\}/.test(query);
}
