import type { FieldShown } from "../../../api/queries-connectors";

/** A setting of a sync with the words of its form. */
function field(
  name: string,
  kind: FieldShown["kind"],
  help: string,
  more: Partial<FieldShown> = {},
): FieldShown {
  const none = {
    default: null,
    example: null,
    choices: [],
    minimum: null,
    maximum: null,
    required: false,
    fields: [],
  };
  return { ...none, name, kind, help, ...more };
}

const HOW_LONG = "Written as 5 minutes, 12 hours or 1 day.";

/** What runs do. */
export const OF_RUNS: readonly FieldShown[] = [
  field(
    "retry_failed",
    "boolean",
    "Rows that a destination refused are read again by the next run, and sent anew.",
  ),
  field(
    "lookback",
    "text",
    `How far last_sync_time is set back, for rows that are written late. ${HOW_LONG}`,
    {
      default: "0",
    },
  ),
  field(
    "deduplicate_for",
    "text",
    `For how long a messageId of the query is not delivered again; 0 for never. ${HOW_LONG}`,
    { default: "12 hours" },
  ),
];

/** How values become JSON. */
export const OF_VALUES: readonly FieldShown[] = [
  field("null_handling", "choice", "Send a NULL as null, which unsets the attribute, or leave it out.", {
    choices: ["send", "omit"],
    default: "send",
  }),
  field("null_columns", "map", "The same for single columns: the column, and send or omit."),
  field("decimals", "choice", "Decimals as JSON numbers, or as text that keeps every digit.", {
    choices: ["number", "string"],
    default: "number",
  }),
  field("big_integers", "choice", "Whole numbers beyond 9,007,199,254,740,992 as JSON numbers, or as text.", {
    choices: ["number", "string"],
    default: "number",
  }),
  field("binary", "choice", "How bytes become text.", { choices: ["base64", "hex"], default: "base64" }),
  field("timezone", "text", "Of timestamps without a zone: UTC, or a name like Europe/Warsaw.", {
    default: "UTC",
  }),
];

/** How columns become people. */
export const OF_ROWS: readonly FieldShown[] = [
  field(
    "lower_case",
    "boolean",
    "Lower-case the name of every column that is not reserved, as for Snowflake's.",
  ),
  field("email_identity", "boolean", "Let an email alone say who it is, where there is no userId."),
];

/** The limits of a result, with what counts where none is set. */
export const LIMITS: readonly { name: string; label: string; standard: string }[] = [
  { name: "records", label: "Records", standard: "30,000,000" },
  { name: "columns", label: "Columns", standard: "512" },
  { name: "columns_warning", label: "Columns before a warning", standard: "300" },
  { name: "column_name", label: "Characters of a column name", standard: "128" },
  { name: "id_column_name", label: "Characters of the userId column's name", standard: "191" },
  { name: "record_bytes", label: "Bytes of a record as JSON", standard: "524,288" },
  { name: "column_bytes", label: "Bytes of a value as JSON", standard: "131,072" },
  { name: "query", label: "Characters of the query", standard: "131,072" },
];
