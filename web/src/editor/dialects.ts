import { MSSQL, MySQL, PostgreSQL, SQLDialect, SQLite, StandardSQL } from "@codemirror/lang-sql";

// What the library has no dialect for differs, for an editor, in its quotes, escapes and comments alone.
const BIGQUERY = SQLDialect.define({
  backslashEscapes: true,
  hashComments: true,
  doubleQuotedStrings: true,
  identifierQuotes: "`",
});
const DATABRICKS = SQLDialect.define({
  backslashEscapes: true,
  doubleQuotedStrings: true,
  identifierQuotes: "`",
});
const CLICKHOUSE = SQLDialect.define({ backslashEscapes: true, hashComments: true, identifierQuotes: '`"' });
const SNOWFLAKE = SQLDialect.define({
  slashComments: true,
  doubleDollarQuotedStrings: true,
  backslashEscapes: true,
});

const DIALECTS: Readonly<Record<string, SQLDialect>> = {
  postgresql: PostgreSQL,
  redshift: PostgreSQL,
  duckdb: PostgreSQL,
  mysql: MySQL,
  sqlserver: MSSQL,
  sqlite: SQLite,
  bigquery: BIGQUERY,
  databricks: DATABRICKS,
  clickhouse: CLICKHOUSE,
  snowflake: SNOWFLAKE,
};

/** The dialect by the API's word for it; the standard where it has none. */
export function dialectOf(word: string): SQLDialect {
  return DIALECTS[word] ?? StandardSQL;
}
