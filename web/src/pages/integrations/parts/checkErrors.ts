import type { Check, Definition } from "../../../api/queries-connections";
import type { FieldErrors } from "../../../ui/fieldErrors";

// `host` and `port` of `ssh_tunnel`: connectors name settings in back-ticks where they say what to mend.
const NAMED = /(`[a-z_]+`(?:(?:,| and|, and| or) `[a-z_]+`)*)(?: of `([a-z_]+)`)?/g;
const GROUPED = /`([a-z_]+): ([a-z_]+)`/g;

/** The problems of a check, each at the last of the settings that it names: there its sentence ends for the eye. */
export function checkErrors(check: Check | undefined, paths: readonly string[]): FieldErrors {
  const at: Record<string, string> = {};
  for (const problem of check?.problems ?? []) {
    const field = settingsIn(problem)
      .filter((path) => paths.includes(path))
      .at(-1);
    if (field !== undefined) at[field] = field in at ? `${at[field]} ${problem}` : problem;
  }
  return at;
}

/** `host`, `ssh_tunnel.port` … in the order of the sentence. */
export function settingsIn(problem: string): string[] {
  const grouped = [...problem.matchAll(GROUPED)].map(([, group, name]) => `${group}.${name}`);
  const named = [...problem.matchAll(NAMED)].flatMap(([, names = "", group]) =>
    [...names.matchAll(/[a-z_]+(?=`)/g)].map(([name]) => (group === undefined ? name : `${group}.${name}`)),
  );
  return [...grouped, ...named];
}

/** Names of the settings in which two definitions differ. */
export function differing(one: Definition, other: Definition): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]));
}

/** The errors of other settings than these, and what is inside them. */
export function withoutFields(errors: FieldErrors, names: ReadonlySet<string>): FieldErrors {
  return Object.fromEntries(
    Object.entries(errors).filter(([path]) => !names.has(path.split(".")[0] ?? path)),
  );
}
