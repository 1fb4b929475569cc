import type { Definition } from "../../api/queries-connections";
import type { FieldShown } from "../../api/queries-connectors";

const CAPITALS = new Set([
  "api",
  "arn",
  "aws",
  "ca",
  "http",
  "https",
  "id",
  "ip",
  "oauth",
  "ocsp",
  "sas",
  "sql",
  "ssh",
  "ssl",
  "tls",
  "url",
]);

/** How a field is called: `ssh_tunnel` → SSH tunnel. */
export function fieldLabel(name: string): string {
  const words = name.split("_").map((word) => (CAPITALS.has(word) ? word.toUpperCase() : word));
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Whether a value says that the service keeps a secret: `{"kept": true}`. */
export function isKept(value: unknown): boolean {
  return typeof value === "object" && value !== null && "kept" in value;
}

export function asGroup(value: unknown): Definition {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Definition) : {};
}

/** The definition with one key set; undefined takes it out. */
export function withKey(definition: Definition, name: string, value: unknown): Definition {
  const { [name]: _, ...rest } = definition;
  return value === undefined ? rest : { ...rest, [name]: value };
}

/**
 * The definition without secrets that were typed: for what is kept in the browser. Secrets that the service keeps,
 * and variables such as `${SHOP_PASSWORD}`, stay.
 */
export function withoutSecrets(fields: readonly FieldShown[], definition: Definition): Definition {
  let kept = definition;
  for (const field of fields) {
    const value = definition[field.name];
    if (field.kind === "group" && value !== undefined) {
      kept = withKey(kept, field.name, withoutSecrets(field.fields, asGroup(value)));
    } else if (field.kind === "secret" && typeof value === "string" && !/^\$\{\w+\}$/.test(value)) {
      kept = withKey(kept, field.name, undefined);
    }
  }
  return kept;
}

/** The paths of all fields: `host`, `ssh_tunnel`, `ssh_tunnel.port`; for `fieldErrors`. */
export function fieldPaths(fields: readonly FieldShown[], within = ""): string[] {
  return fields.flatMap((field) => {
    const path = within + field.name;
    return [path, ...fieldPaths(field.fields, `${path}.`)];
  });
}

const FEW = 6;

/**
 * Which fields are seen at once, and which are folded away: all up to the last that is required, then secrets,
 * choices and groups; of a connector with few fields, all.
 */
export function sorted(fields: readonly FieldShown[]): { main: FieldShown[]; more: FieldShown[] } {
  const last = fields.findLastIndex((field) => field.required);
  const first = (field: FieldShown, at: number) =>
    fields.length <= FEW || at <= last || ["secret", "choice", "group"].includes(field.kind);
  return {
    main: fields.filter(first),
    more: fields.filter((field, at) => !first(field, at)),
  };
}
