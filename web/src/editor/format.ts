import {
  bigquery,
  clickhouse,
  type DialectOptions,
  duckdb,
  formatDialect,
  mysql,
  postgresql,
  redshift,
  snowflake,
  spark,
  sql,
  sqlite,
  transactsql,
} from "sql-formatter";

const DIALECTS: Readonly<Record<string, DialectOptions>> = {
  postgresql,
  redshift,
  duckdb,
  mysql,
  sqlserver: transactsql,
  sqlite,
  bigquery,
  databricks: spark,
  clickhouse,
  snowflake,
};
const VARIABLE = String.raw`\{\{\s*\w+\s*\}\}`;

/** The query with its lines and indents in order; not a word of it is changed. Throws where it cannot be read. */
export function formatted(query: string, dialect: string): string {
  const made = formatDialect(query, {
    dialect: DIALECTS[dialect] ?? sql,
    paramTypes: { custom: [{ regex: VARIABLE }] },
    tabWidth: 2,
    keywordCase: "preserve",
    logicalOperatorNewline: "before",
  });
  if (bare(made) !== bare(query)) throw new Error("This query cannot be formatted without changing it.");
  return made;
}

function bare(text: string): string {
  return text.replace(/\s+/g, "");
}
