import { Fragment, memo, type ReactNode } from "react";

/** Any JSON value, coloured. `line` puts it on one line that ends in an ellipsis. Text is only ever text. */
export const Json = memo(function Json({ value, line = false }: { value: unknown; line?: boolean }) {
  if (line) return <div className="json one">{node(value, null)}</div>;
  return <pre className="json">{node(value, 0)}</pre>;
});

/** `depth` null: everything on one line. */
function node(value: unknown, depth: number | null): ReactNode {
  if (Array.isArray(value))
    return group(
      value.map((item): Entry => [null, item]),
      "[]",
      depth,
    );
  if (value !== null && typeof value === "object") return group(Object.entries(value), "{}", depth);
  return <span className={kindOf(value)}>{JSON.stringify(value) ?? "null"}</span>;
}

type Entry = [key: string | null, value: unknown];

function group(entries: Entry[], brackets: string, depth: number | null): ReactNode {
  const line = (by: number) => (depth === null ? "" : `\n${"  ".repeat(depth + by)}`);
  const deeper = depth === null ? null : depth + 1;
  return (
    <>
      <span className="p">{brackets[0]}</span>
      {entries.map(([key, value], at) => (
        <Fragment key={key ?? at}>
          {line(1)}
          {key !== null && (
            <>
              <span className="k">{JSON.stringify(key)}</span>
              <span className="p">: </span>
            </>
          )}
          {node(value, deeper)}
          {at < entries.length - 1 && <span className="p">{depth === null ? ", " : ","}</span>}
        </Fragment>
      ))}
      {entries.length > 0 && line(0)}
      <span className="p">{brackets[1]}</span>
    </>
  );
}

function kindOf(value: unknown): string {
  if (typeof value === "string") return "s";
  return typeof value === "number" ? "n" : "w";
}
