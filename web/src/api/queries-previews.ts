import { useQuery } from "@tanstack/react-query";
import { ApiProblem, api, ask, type Schemas } from "./client";
import type { Definition } from "./queries-connections";

export type PreviewShown = Schemas["PreviewShown"];
export type PreviewRow = Schemas["RowShown"];
export type PreviewRequest = Schemas["RequestShown"];
export type CallKind = Schemas["CallKind"];

const MOST_ROWS = 100;

/** Runs the query of a sync as it stands in an editor, or as it is saved; nothing is sent. */
export function runQuery(
  what: { definition: Definition } | { name: string },
  lastSyncTime: number,
  signal: AbortSignal,
): Promise<PreviewShown> {
  const asked = { limit: MOST_ROWS, last_sync_time: lastSyncTime };
  return ask(
    "name" in what
      ? api.POST("/api/v1/syncs/{name}/preview", {
          params: { path: { name: what.name } },
          body: asked,
          signal,
        })
      : api.POST("/api/v1/previews", { body: { ...asked, definition: what.definition }, signal }),
  );
}

/** The rows of a preview as another sync would map them; the database is not asked. */
export function mapRows(id: string, definition: Definition, signal: AbortSignal): Promise<PreviewShown> {
  const path = { preview_id: id };
  return ask(
    api.POST("/api/v1/previews/{preview_id}/map", { params: { path }, body: { definition }, signal }),
  );
}

/** Throws what is wrong with a sync that has no query yet; the query alone may be missing. Nothing is saved. */
export async function judgeSync(sync: { name: string; definition: Definition }): Promise<void> {
  const { findings } = await ask(api.POST("/api/v1/syncs/validate", { body: sync }));
  const told = findings.filter(({ where }) => !where.endsWith(".query"));
  if (told.length > 0)
    throw new ApiProblem(422, "config", "The details are not complete. Mend what is listed.", told);
}

/** What a source's database has to query; nothing where it cannot tell, or the person may not know. */
export function useSchema(source: string | null, enabled: boolean) {
  return useQuery({
    queryKey: ["sources", "schema", source],
    queryFn: () =>
      ask(api.GET("/api/v1/sources/{name}/schema", { params: { path: { name: source ?? "" } } })),
    enabled: enabled && source !== null,
    staleTime: 60_000,
    retry: false,
  });
}

/** What a schedule means, and the next times; or what is wrong with it. */
export function useScheduleHelp(text: string, start: string | null) {
  return useQuery({
    queryKey: ["schedule-help", text, start],
    queryFn: ({ signal }) =>
      ask(
        api.GET("/api/v1/syncs/schedule-help", {
          params: { query: { text, ...(start && { start }) } },
          signal,
        }),
      ),
    enabled: text.trim() !== "",
    placeholderData: (old) => old,
  });
}
