import { ApiProblem } from "../../../api/client";
import { type FieldErrors, fieldErrors } from "../../../ui/fieldErrors";

/** What was refused: at the name, at the other fields, and what is left for an ErrorBox. */
export interface Refusal {
  name: string | undefined;
  at: FieldErrors;
  rest: unknown;
}

/** The findings of a refused source sorted by where they belong; `asked` is the name that it was given. */
export function refusal(problem: ApiProblem, asked: string, paths: readonly string[]): Refusal {
  if (problem.code === "name_taken") return { name: problem.message, at: {}, rest: null };
  const where = `sources.${asked}`;
  const ofName = problem.findings.filter((finding) => finding.where === where && finding.code === "bad_name");
  const others = problem.findings.filter((finding) => !ofName.includes(finding));
  const { status, code, message } = problem;
  const { at, rest } = fieldErrors(new ApiProblem(status, code, message, others), where, paths);
  return {
    name: ofName[0]?.message,
    at,
    rest: problem.findings.length > 0 && others.length === 0 ? null : rest,
  };
}
