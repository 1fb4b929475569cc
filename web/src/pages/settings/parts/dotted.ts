import type { Definition } from "../../../api/queries-connections";
import { asGroup, withKey } from "../../../ui/form/model";

/** Values by their dotted names: `{ preview: true, "retention.runs": "90 days" }`. */
export type Values = Readonly<Record<string, unknown>>;

/** What a definition says of these names; what it does not say is absent. */
export function picked(definition: Definition, names: readonly string[]): Values {
  const found = names.map((name) => [name, valueAt(definition, name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** The definition with these names as the values have them; what they do not have is taken out. */
export function merged(definition: Definition, names: readonly string[], values: Values): Definition {
  return names.reduce((made, name) => withValue(made, name, values[name]), definition);
}

function valueAt(definition: Definition, name: string): unknown {
  const [head = "", rest] = split(name);
  return rest === undefined ? definition[head] : asGroup(definition[head])[rest];
}

function withValue(definition: Definition, name: string, value: unknown): Definition {
  const [head = "", rest] = split(name);
  if (rest === undefined) return withKey(definition, head, value);
  const group = withKey(asGroup(definition[head]), rest, value);
  return withKey(definition, head, Object.keys(group).length > 0 ? group : undefined);
}

/** A setting stands in the section itself or in one group of it. */
function split(name: string): [string, string | undefined] {
  const at = name.indexOf(".");
  return at < 0 ? [name, undefined] : [name.slice(0, at), name.slice(at + 1)];
}
