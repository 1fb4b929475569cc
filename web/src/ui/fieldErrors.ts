import { ApiProblem, type Finding } from "../api/problem";

/** Messages by the path of their field: `{ host: "…", "ssh_tunnel.port": "…" }`. */
export type FieldErrors = Readonly<Record<string, string>>;

interface Sorted {
  /** For fields that are shown. */
  at: FieldErrors;
  /** What is left for an ErrorBox: null where every finding has its field. */
  rest: unknown;
}

/**
 * The findings of an error, each at its field. `prefix` is what stands before the field in `where`: `body` for plain
 * requests, `sources.shop` for the definition of a source. `fields` are the paths that are shown; a finding deeper
 * inside one of them is shown there too.
 */
export function fieldErrors(error: unknown, prefix: string, fields: readonly string[]): Sorted {
  if (!(error instanceof ApiProblem) || error.findings.length === 0) return { at: {}, rest: error ?? null };
  const at: Record<string, string> = {};
  const left: Finding[] = [];
  for (const finding of error.findings) {
    const path = finding.where.startsWith(`${prefix}.`) ? finding.where.slice(prefix.length + 1) : "";
    const field = nearest(path, fields);
    if (field === undefined) left.push(finding);
    else at[field] = field in at ? `${at[field]} ${finding.message}` : finding.message;
  }
  const { status, code, message, run, line, column } = error;
  const rest = left.length > 0 ? new ApiProblem(status, code, message, left, run, line, column) : null;
  return { at, rest };
}

function nearest(path: string, fields: readonly string[]): string | undefined {
  const inside = fields.filter((field) => path === field || path.startsWith(`${field}.`));
  return inside.sort((one, other) => other.length - one.length)[0];
}
