import type { Completion } from "@codemirror/autocomplete";
import type { SQLConfig, SQLNamespace } from "@codemirror/lang-sql";
import type { Schemas } from "../api/client";

export type Table = Schemas["TableShown"];

// The schemas whose tables need no schema before them, where the database has them.
const IMPLIED = ["public", "main", "dbo", "default"];

/** Tables and columns as the editor completes them. */
export function namespaceOf(tables: readonly Table[]): Pick<SQLConfig, "schema" | "defaultSchema"> {
  const schemas = new Map<string, Record<string, SQLNamespace>>();
  for (const { schema, name, columns } of tables) {
    const within = schemas.get(schema) ?? {};
    within[name] = { self: { label: name, type: "table" }, children: columns.map(completion) };
    schemas.set(schema, within);
  }
  const only = schemas.size === 1 ? [...schemas.keys()] : IMPLIED.filter((name) => schemas.has(name));
  const bare = schemas.get("") ?? {};
  schemas.delete("");
  const defaultSchema = only.find((name) => name !== "");
  return { schema: { ...bare, ...Object.fromEntries(schemas) }, ...(defaultSchema && { defaultSchema }) };
}

function completion({ name, type }: Table["columns"][number]): Completion {
  return { label: name, type: "property", detail: type };
}
