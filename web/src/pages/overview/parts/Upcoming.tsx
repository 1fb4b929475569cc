import { Link } from "react-router";
import type { Schemas } from "../../../api/client";
import { paths } from "../../../paths";
import { moment, Time } from "../../../ui/numbers";

/** The next due times. */
export function Upcoming({ items }: { items: readonly Schemas["Upcoming"][] }) {
  return (
    <section className="section" aria-labelledby="upcoming">
      <div className="section-head">
        <h2 id="upcoming">Next runs</h2>
      </div>
      {items.length === 0 && <p className="muted">No enabled sync is due by time.</p>}
      <ul className="lines">
        {items.map(({ sync, due }) => (
          <li key={sync}>
            <Link className="clip strong" to={paths.sync(sync)}>
              {sync}
            </Link>
            <span className="push muted">
              <Time at={due} relative />
            </span>
            <span className="faint num due-at">{moment(due)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
