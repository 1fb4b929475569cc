import { Fragment } from "react";
import type { Schemas } from "../../../api/client";
import type { Run } from "../../../api/queries-runs";
import { Count } from "../../../ui/numbers";

const OUTCOMES = [
  ["delivered", "Delivered", false],
  ["duplicate", "Duplicate", false],
  ["invalid", "Invalid", true],
  ["rejected", "Rejected", true],
  ["pending", "Pending", false],
] as const;

/** What became of the rows at each destination, so that one sees it add up. */
export function RunCounts({ run }: { run: Run }) {
  const destinations = Object.entries(run.destinations);
  if (destinations.length === 0) return null;
  return (
    <section aria-labelledby="run-counts">
      <div className="section-head">
        <h3 id="run-counts">Rows</h3>
        {run.unmapped > 0 && (
          <span className="faint">
            <Count value={run.unmapped} /> became no call: invalid everywhere
          </span>
        )}
      </div>
      <div className="sums">
        {destinations.map(([name, counts]) => (
          <Sum key={name} name={name} counts={counts} />
        ))}
      </div>
    </section>
  );
}

function Sum({ name, counts }: { name: string; counts: Schemas["Counts"] }) {
  const total = OUTCOMES.reduce((sum, [key]) => sum + counts[key], 0);
  return (
    <div className="sum">
      <h4 className="clip">{name}</h4>
      <div className="meter" aria-hidden>
        {OUTCOMES.map(([key]) => (
          <span key={key} className={key} style={{ width: `${(100 * counts[key]) / Math.max(1, total)}%` }} />
        ))}
      </div>
      <dl>
        {OUTCOMES.map(([key, word, bad], at) => (
          <Fragment key={key}>
            <div>
              <dt>{word}</dt>
              <dd>
                {at > 0 && <i aria-hidden>+</i>}
                <Count value={counts[key]} bad={bad} />
              </dd>
            </div>
          </Fragment>
        ))}
        <div>
          <dt>Extracted</dt>
          <dd>
            <i aria-hidden>=</i>
            <Count value={total} />
          </dd>
        </div>
      </dl>
    </div>
  );
}
