import { useMemo } from "react";
import { type FailedRow, useFailedRows } from "../../../api/queries-failures";
import type { Run } from "../../../api/queries-runs";
import { type Column, DataTable } from "../../../ui/DataTable";
import { count } from "../../../ui/numbers";
import { Note } from "../../../ui/states";

/** Wider tables are for the file. */
const COLUMNS = 20;
const CHARACTERS = 200;

/** The failed rows with their values, as the query returned them. */
export function FailedRows({ run }: { run: Run }) {
  const rows = useFailedRows(run.id, null);
  const names = useMemo(() => namesOf(rows.data ?? []), [rows.data]);
  const columns = useMemo(() => columnsOf(names.slice(0, COLUMNS)), [names]);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <section className="failed-rows" tabIndex={0} aria-label="Failed rows">
        <DataTable
          label="Failed rows"
          columns={columns}
          query={rows}
          rowKey={(row) => `${row.row} ${row.destination} ${row.code}`}
          empty={<p className="muted">No failed rows are kept.</p>}
        />
      </section>
      {names.length > COLUMNS && (
        <Note>
          The first {COLUMNS} of {count(names.length)} columns. Download has them all.
        </Note>
      )}
    </>
  );
}

function namesOf(rows: readonly FailedRow[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row.values)))];
}

function columnsOf(names: readonly string[]): Column<FailedRow>[] {
  return [
    { key: " row", head: "Row", align: "right", cell: (row) => count(row.row), spot: "title" },
    { key: " to", head: "Destination", cell: (row) => row.destination ?? <span className="faint">all</span> },
    { key: " why", head: "Reason", cell: (row) => <Why row={row} />, spot: "line" },
    ...names.map((name) => ({
      key: name,
      head: <code>{name}</code>,
      cell: (row: FailedRow) => <code>{text(row.values[name])}</code>,
      phone: name,
    })),
  ];
}

function Why({ row }: { row: FailedRow }) {
  return (
    <span className="failed-why" title={row.message}>
      {row.message}
    </span>
  );
}

/** A value on one line; what is long is cut: the file has the whole. */
function text(value: unknown): string {
  const whole = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return whole.length > CHARACTERS ? `${whole.slice(0, CHARACTERS)}…` : whole;
}
