import { Button } from "@mantine/core";
import { type KeyboardEvent, memo, useState } from "react";
import type { PreviewRow, PreviewShown } from "../../../api/queries-previews";
import { Json } from "../../../ui/Json";
import { count } from "../../../ui/numbers";

export type View = "both" | "rows" | "calls";

interface RowsTableProps {
  preview: PreviewShown;
  rows: readonly PreviewRow[];
  view: View;
  call: string;
  selected: number;
  select: (row: number) => void;
}

const MOST_COLUMNS = 60;

/** The rows, each with its call in a column that stays in sight. */
export function RowsTable({ preview, rows, view, call, selected, select }: RowsTableProps) {
  const [all, setAll] = useState(false);
  const hidden = all ? 0 : Math.max(0, preview.columns.length - MOST_COLUMNS);
  const columns = view === "calls" ? [] : preview.columns.slice(0, preview.columns.length - hidden);

  function press(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = rows[rows.findIndex(({ row }) => row === selected) + (step ?? 0)];
    if (step === undefined || next === undefined) return;
    event.preventDefault();
    select(next.row);
    event.currentTarget.querySelector<HTMLElement>(`[data-row="${next.row}"]`)?.focus();
  }

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
    <section className="grid" tabIndex={0} aria-label="Rows of the preview">
      {hidden > 0 && view !== "calls" && (
        <div className="grid-note">
          <span className="muted">The first {MOST_COLUMNS} columns.</span>
          <Button size="compact-xs" onClick={() => setAll(true)}>
            Show all {count(preview.columns.length)}
          </Button>
        </div>
      )}
      <table className="grid-table" onKeyDown={press}>
        <thead>
          <tr>
            <th scope="col" className="grid-number">
              <span className="sr">Row</span>
              <span aria-hidden>#</span>
            </th>
            {columns.map(({ name, type }) => (
              <th key={name} scope="col">
                <b className="clip" title={name}>
                  <bdi>{name}</bdi>
                </b>
                <small>{type}</small>
              </th>
            ))}
            {view !== "rows" && (
              <th scope="col" className="grid-call">
                <b>{call} call</b>
                <small>JSON</small>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row
              key={row.row}
              row={row}
              columns={columns}
              view={view}
              selected={row.row === selected}
              select={select}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface RowProps {
  row: PreviewRow;
  columns: PreviewShown["columns"];
  view: View;
  selected: boolean;
  select: (row: number) => void;
}

const Row = memo(function Row({ row, columns, view, selected, select }: RowProps) {
  return (
    <tr aria-selected={selected} onClick={() => select(row.row)}>
      <td className="grid-number">
        <button
          type="button"
          data-row={row.row}
          tabIndex={selected ? 0 : -1}
          aria-pressed={selected}
          aria-label={row.call === null ? `Row ${row.row}, invalid` : `Row ${row.row}`}
        >
          {row.row}
        </button>
      </td>
      {columns.map(({ name }) => (
        <td key={name}>
          <Cell value={row.values[name]} />
        </td>
      ))}
      {view !== "rows" && (
        <td className="grid-call">
          {row.call ? <Json line value={telling(row.call)} /> : <Reasons row={row} />}
        </td>
      )}
    </tr>
  );
});

const LONGEST = 200;

/** A value as short text; the whole of it stands beside the table. */
function Cell({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <span className="faint">null</span>;
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (text === "") return <span className="faint">empty</span>;
  return <bdi>{text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text}</bdi>;
}

function Reasons({ row }: { row: PreviewRow }) {
  return <span className="bad">{row.errors.map(({ message }) => message).join(" ")}</span>;
}

/** A call with what tells most at its beginning: on one line there is not much room. */
function telling({ type: _, messageId, ...call }: Record<string, unknown>): Record<string, unknown> {
  return { ...call, messageId };
}
