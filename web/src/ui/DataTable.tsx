import { Button } from "@mantine/core";
import { memo, type ReactNode, useEffect, useEffectEvent, useRef } from "react";
import { ErrorBox } from "./states";
import { useLongList } from "./useLongList";

/** Where a cell stands in the two lines that a row has on a phone. `hide`: not at all. */
export type Spot = "title" | "top-right" | "left" | "right" | "line" | "hide";

export interface Column<T> {
  key: string;
  head: ReactNode;
  cell: (row: T) => ReactNode;
  /** Numbers stand right. */
  align?: "right";
  width?: number | string;
  /** On phones; columns without a spot stand in the second line. */
  spot?: Spot;
  /** Words after the value on phones, where no head explains it: "delivered". */
  phone?: string;
  /** Nowhere but on phones. */
  phoneOnly?: boolean;
}

/** What useQuery and useInfiniteQuery have in common. */
interface Listed<T> {
  data: readonly T[] | undefined;
  isError: boolean;
  error: unknown;
  refetch: () => unknown;
  hasNextPage?: boolean;
  isFetchingNextPage?: boolean;
  fetchNextPage?: () => unknown;
}

interface DataTableProps<T> {
  /** Says to screen readers what the rows are. */
  label: string;
  columns: readonly Column<T>[];
  query: Listed<T>;
  rowKey: (row: T) => string;
  /** What stands there when there is nothing: an EmptyState. */
  empty: ReactNode;
  /** In the place of `query.data`, when the page filters it. */
  rows?: readonly T[] | undefined;
  selected?: (row: T) => boolean;
  /** Loads the next page when its end comes into view. */
  endless?: boolean;
  /** What a row is about as high as, in pixels: long lists draw only what is near the window. */
  rowHeight?: number;
}

/** A plain table: it prints, copies, and reads well aloud. On phones each row becomes two lines. */
export function DataTable<T>({ endless = false, ...table }: DataTableProps<T>) {
  const { label, columns, query, empty, rows = query.data } = table;
  if (rows === undefined && query.isError) {
    return (
      <div className="pad">
        <ErrorBox error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  }
  if (rows?.length === 0 && !query.hasNextPage) return empty;
  return (
    <>
      <table
        className="table stack"
        aria-label={label}
        aria-busy={rows === undefined}
        aria-rowcount={rows === undefined || query.hasNextPage ? -1 : rows.length + 1}
      >
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                className={column.align}
                style={{ width: column.width }}
                data-only={only(column)}
              >
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        {rows === undefined ? <Waiting columns={columns.length} /> : <Rows {...table} rows={rows} />}
      </table>
      {rows !== undefined && <More query={query} endless={endless} />}
    </>
  );
}

function only<T>(column: Column<T>): "phone" | undefined {
  return column.phoneOnly ? "phone" : undefined;
}

const ROW = 38; // --row

function Rows<T>({
  columns,
  rows,
  rowKey,
  selected,
  rowHeight = ROW,
}: DataTableProps<T> & { rows: readonly T[] }) {
  const body = useRef<HTMLTableSectionElement>(null);
  const list = useLongList(rows.length, rowHeight, body);
  return (
    <tbody ref={body}>
      <Room height={list.before} columns={columns.length} />
      {list.rows.map((at) => {
        const row = rows[at];
        if (row === undefined) return null;
        return (
          <tr
            key={rowKey(row)}
            ref={list.measure}
            data-index={at}
            aria-rowindex={at + 2}
            aria-selected={selected?.(row) || undefined}
          >
            <Cells columns={columns} row={row} />
          </tr>
        );
      })}
      <Room height={list.after} columns={columns.length} />
    </tbody>
  );
}

/** Of a row that did not change nothing is drawn again, however often its list is told something new. */
const Cells = memo(function Cells<T>({ columns, row }: { columns: readonly Column<T>[]; row: T }) {
  return columns.map((column) => (
    <td
      key={column.key}
      className={column.align}
      data-spot={column.spot}
      data-phone={column.phone}
      data-only={only(column)}
    >
      {column.cell(row)}
    </td>
  ));
}) as <T>(props: { columns: readonly Column<T>[]; row: T }) => ReactNode;

/** In the place of rows that are too far away to be drawn. */
function Room({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr className="room" aria-hidden>
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}

function Waiting({ columns }: { columns: number }) {
  return (
    <tbody>
      {Array.from({ length: 8 }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows have nothing but their place
        <tr key={row} className="waiting">
          <td colSpan={columns}>
            <span className="skeleton-line" />
            {row === 0 && <span className="sr">Loading</span>}
          </td>
        </tr>
      ))}
    </tbody>
  );
}

/** The rest of a list that comes in pages, and what went wrong with it. */
function More<T>({ query, endless }: { query: Listed<T>; endless: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  const seen = useEffectEvent(() => {
    if (!query.isFetchingNextPage) void query.fetchNextPage?.();
  });
  const { hasNextPage, isFetchingNextPage, isError } = query;
  // Watched anew after each page: its place may still be in view then, and nothing would be told.
  useEffect(() => {
    if (!endless || !hasNextPage || isFetchingNextPage || isError || place.current === null) return;
    const watch = new IntersectionObserver((found) => found.some((one) => one.isIntersecting) && seen());
    watch.observe(place.current);
    return () => watch.disconnect();
  }, [endless, hasNextPage, isFetchingNextPage, isError]);
  if (isError) {
    return (
      <div className="pad">
        <ErrorBox error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  }
  if (!hasNextPage) return null;
  return (
    <div className="more" ref={place}>
      <Button loading={isFetchingNextPage ?? false} onClick={() => void query.fetchNextPage?.()}>
        Load more
      </Button>
    </div>
  );
}
