import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, ask, type Schemas } from "./client";
import { keys } from "./keys";

export type FailureGroup = Schemas["FailureGroup"];
export type FailedRow = Schemas["FailedRow"];
/** A reason at a place: `destination` null is where rows become calls. */
export type Reason = Pick<FailureGroup, "destination" | "code">;

const LIMIT = 50;
const WHILE_LIVE = 5_000;

const at = (id: string) => ({ path: { run_id: id } });

/** How many rows of a run failed, where and why; the largest group first. */
export function useFailureGroups(id: string, live: boolean) {
  return useQuery({
    queryKey: [...keys.failures(id), "groups"],
    queryFn: async () =>
      (await ask(api.GET("/api/v1/runs/{run_id}/failures/groups", { params: at(id) }))).items,
    refetchInterval: live ? WHILE_LIVE : false,
  });
}

export interface FailureSample {
  row: FailedRow;
  /** Its call with what each destination answered; null where it was not kept. */
  call: Schemas["KeptCallShown"] | null;
}

/** One of the rows that failed for a reason; null where their values are not kept any more. */
export function useFailureSample(id: string, reason: Reason) {
  return useQuery({
    queryKey: [...keys.failures(id), "sample", reason.destination, reason.code],
    queryFn: () => readSample(id, reason),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

async function readSample(id: string, reason: Reason): Promise<FailureSample | null> {
  const query = { ...asked(reason), limit: 1 };
  const failed = await ask(api.GET("/api/v1/runs/{run_id}/failures", { params: { ...at(id), query } }));
  const row = failed.items[0];
  if (row === undefined) return null;
  const calls = await ask(
    api.GET("/api/v1/calls", { params: { query: { run: id, row: row.row, limit: 1 } } }),
  );
  return { row, call: calls.items[0] ?? null };
}

/** The failed rows with their values, of one reason or of all. */
export function useFailedRows(id: string, reason: Reason | null) {
  return useInfiniteQuery({
    queryKey: [...keys.failures(id), "rows", reason],
    queryFn: ({ pageParam }) =>
      ask(
        api.GET("/api/v1/runs/{run_id}/failures", {
          params: {
            ...at(id),
            query: { ...(reason && asked(reason)), limit: LIMIT, ...(pageParam && { cursor: pageParam }) },
          },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    select: ({ pages }) => pages.flatMap((page) => page.items),
  });
}

function asked({ destination, code }: Reason) {
  return { code, ...(destination !== null && { destination }) };
}

/** Where all failed rows are had as a file. */
export function failuresFile(id: string, ending: "csv" | "jsonl" | "parquet"): string {
  return `/api/v1/runs/${encodeURIComponent(id)}/failures.${ending}`;
}
