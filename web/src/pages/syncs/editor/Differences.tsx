import { lazy, Suspense } from "react";
import type { Definition } from "../../../api/queries-connections";
import { fieldLabel } from "../../../ui/form/model";
import { Skeleton } from "../../../ui/states";
import { flat } from "./form";

const QueryDiff = lazy(() => import("../../../editor/QueryDiff"));

interface DifferencesProps {
  before: Definition;
  after: Definition;
  /** What the two sides are called. */
  names: readonly [before: string, after: string];
}

/** Two definitions of one sync: the settings in which they differ, and their queries. */
export function Differences({ before, after, names }: DifferencesProps) {
  const [was, is] = [flat(before), flat(after)];
  const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (key) => key !== "query" && shown(was[key]) !== shown(is[key]),
  );
  const sameQuery = shown(was.query) === shown(is.query);
  if (keys.length === 0 && sameQuery) return <p className="muted">Nothing differs.</p>;
  return (
    <div className="stack-v">
      {keys.length > 0 && (
        <table className="differences" aria-label="Settings that differ">
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">{names[0]}</th>
              <th scope="col">{names[1]}</th>
            </tr>
          </thead>
          <tbody>
            {keys.map((key) => (
              <tr key={key}>
                <th scope="row">{fieldLabel(key.replace(/^options\./, "").replace(".", " "))}</th>
                <td>
                  <del>{shown(was[key])}</del>
                </td>
                <td>
                  <ins>{shown(is[key])}</ins>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {!sameQuery && (
        <figure className="query-diff">
          <figcaption className="muted">
            Query: <span className="diff-key minus">− {names[0]}</span>{" "}
            <span className="diff-key plus">+ {names[1]}</span>
          </figcaption>
          <Suspense fallback={<Skeleton />}>
            <QueryDiff before={shown(was.query)} after={shown(is.query)} />
          </Suspense>
        </figure>
      )}
    </div>
  );
}

function shown(value: unknown): string {
  if (value === undefined || value === null || value === "") return "";
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
