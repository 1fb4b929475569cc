/** A line of a text that was changed. */
export interface Line {
  kind: "same" | "old" | "new";
  text: string;
}

export interface Change {
  /** Dotted: `ssh_tunnel.host`. */
  key: string;
  lines: Line[];
}

type Told = Record<string, unknown> | null;

/** What differs, key by key. */
export function changesOf(before: Told, after: Told): Change[] {
  const was = flat(before ?? {});
  const is = flat(after ?? {});
  const keys = [...new Set([...was.keys(), ...is.keys()])];
  return keys
    .filter((key) => was.get(key) !== is.get(key))
    .map((key) => ({ key, lines: linesOf(was.get(key), is.get(key)) }));
}

/** Texts by dotted keys. */
function flat(told: Record<string, unknown>, within = ""): Map<string, string> {
  const found = Object.entries(told).flatMap(([key, value]): [string, string][] =>
    isMap(value) ? [...flat(value, `${within}${key}.`)] : [[within + key, text(value)]],
  );
  return new Map(found);
}

/** A kept secret, `{"kept": true}`, is one value. */
function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !("kept" in value);
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "kept" in value) return "a kept secret";
  return JSON.stringify(value);
}

/** The lines of both that differ, between those at the beginning and the end that they share. */
function linesOf(was: string | undefined, is: string | undefined): Line[] {
  const old = was === undefined ? [] : was.split("\n");
  const now = is === undefined ? [] : is.split("\n");
  const least = Math.min(old.length, now.length);
  let head = 0;
  while (head < least && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < least - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const lines = (kind: Line["kind"], texts: readonly string[]) => texts.map((line) => ({ kind, text: line }));
  return [
    ...lines("same", old.slice(0, head)),
    ...lines("old", old.slice(head, old.length - tail)),
    ...lines("new", now.slice(head, now.length - tail)),
    ...lines("same", old.slice(old.length - tail)),
  ];
}
