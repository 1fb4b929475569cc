import type { components } from "./schema";

export type Finding = components["schemas"]["Finding"];

/** What the API said went wrong: `code` is stable, `message` tells what happened, to which thing, and what to do. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly findings: readonly Finding[] = [],
    /** With `run_live`: the run that lives. */
    readonly run: string | null = null,
    /** Place in the query, from 1, where the database told it. */
    readonly line: number | null = null,
    readonly column: number | null = null,
  ) {
    super(message);
  }

  /** From the body of an answer, in whatever state it is: a proxy before the service may answer in HTML. */
  static of(status: number, body: unknown): ApiProblem {
    const told = (body as Partial<components["schemas"]["ErrorBody"]> | undefined)?.error;
    if (told?.code === undefined) {
      const message = `The service answered with status ${status} and no reason. Try again; its log may tell more.`;
      return new ApiProblem(status, "http", message);
    }
    const { code, message, findings, run, line, column } = told;
    return new ApiProblem(status, code, message, findings ?? [], run ?? null, line ?? null, column ?? null);
  }

  static unreachable(): ApiProblem {
    const message =
      "The service does not answer. Check that it runs and that you are online, then try again.";
    return new ApiProblem(0, "unreachable", message);
  }
}

/** Any error as one that can be shown. A defect of the page has no code of the API. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiProblem(0, "page", `Something went wrong in this page: ${message}. Reload it and try again.`);
}
