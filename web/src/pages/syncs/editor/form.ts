import type { Definition } from "../../../api/queries-connections";
import { LIMITS, OF_ROWS, OF_RUNS, OF_VALUES } from "./more";

/** A sync as it stands in the editor: its name, and the keys and values below it in `headrace.yaml`. */
export interface SyncForm {
  name: string;
  definition: Definition;
}

/** One key of a definition changed; undefined takes it out, so that its default counts. */
export type Put = (key: string, value: unknown) => void;

export function textOf(definition: Definition, key: string): string {
  const value = definition[key];
  return value === undefined || value === null ? "" : String(value);
}

export function listOf(definition: Definition, key: string): string[] {
  const value = definition[key];
  return Array.isArray(value) ? value.map(String) : [];
}

/** A form with one key set; undefined takes it out. Keys keep their order, so that nothing seems changed that is not. */
export function withPut(form: SyncForm, key: string, value: unknown): SyncForm {
  const definition = { ...form.definition, [key]: value };
  if (value === undefined) delete definition[key];
  return { ...form, definition };
}

/** The fields of the details, by their paths in findings. */
export const FIELDS: readonly string[] = [
  "name",
  "description",
  "source",
  "call",
  "schedule",
  "start",
  "destinations",
  ...[...OF_RUNS, ...OF_VALUES, ...OF_ROWS].map(({ name }) => name),
  ...LIMITS.map(({ name }) => `limits.${name}`),
];

// What says when a sync runs has nothing to do with how its rows are mapped.
const NOT_MAPPED = new Set([
  "description",
  "schedule",
  "start",
  "enabled",
  "lookback",
  "deduplicate_for",
  "retry_failed",
]);

/** The part of a definition that a preview depends on: a wrong schedule need not stand in its way. */
export function previewed(definition: Definition): Definition {
  return Object.fromEntries(Object.entries(definition).filter(([key]) => !NOT_MAPPED.has(key)));
}

const NESTED = ["options", "limits"];

/**
 * The draft with what another version says in its place. Versions tell every key, also those left to their defaults;
 * only what differs between that version and the newest is taken over, so that what nobody wrote stays unwritten.
 */
export function restored(draft: Definition, version: Definition, newest: Definition): Definition {
  const next = { ...draft };
  const before = flat(newest);
  for (const [key, value] of Object.entries(flat(version))) {
    if (JSON.stringify(value) === JSON.stringify(before[key])) continue;
    const [group, name] = key.split(".") as [string, string?];
    if (name === undefined) put(next, key, value);
    else if (group === "options") put(next, name, value);
    else next[group] = { ...(next[group] as Definition | undefined), [name]: value };
  }
  return next;
}

// Not part of what a person writes.
const ASIDE = new Set(["name", "origin"]);

/** The keys of a version with their values, those of its groups as `options.timezone`. */
export function flat(version: Definition): Definition {
  const found: Definition = {};
  for (const [key, value] of Object.entries(version)) {
    if (ASIDE.has(key)) continue;
    if (!NESTED.includes(key)) found[key] = value;
    else for (const [name, inner] of Object.entries(value as Definition)) found[`${key}.${name}`] = inner;
  }
  return found;
}

function put(definition: Definition, key: string, value: unknown): void {
  if (value === null) delete definition[key];
  // Versions have durations in seconds, forms as text.
  else definition[key] = typeof value === "number" ? `${value} seconds` : value;
}
