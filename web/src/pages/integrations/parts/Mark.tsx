import "./mark.css";

// Two letters each, as in a table of elements; nobody's logo.
const LETTERS: Readonly<Record<string, string>> = {
  postgresql: "Pg",
  mysql: "My",
  sqlserver: "Ms",
  snowflake: "Sf",
  bigquery: "Bq",
  redshift: "Rs",
  databricks: "Db",
  clickhouse: "Ch",
  duckdb: "Du",
  sqlite: "Sq",
  files: "Fi",
  http: "Ht",
  customerio: "Cu",
  mixpanel: "Mx",
  segment: "Se",
  webhook: "Wh",
  workspace: "Ws",
};

/** The mark of a connector, beside its name: it says nothing that the name does not. */
export function Mark({ type, large = false }: { type: string; large?: boolean }) {
  const letters = LETTERS[type] ?? type.slice(0, 1).toUpperCase() + type.slice(1, 2);
  return (
    <span className={large ? "mark large" : "mark"} aria-hidden>
      {letters}
    </span>
  );
}
