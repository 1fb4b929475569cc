import { Link } from "react-router";
import { type Overview, useOverview } from "../../../api/queries-overview";
import { SLOTS } from "../../../charts/bars";
import { RunsBar, RunsLegend } from "../../../charts/RunsBar";
import { paths } from "../../../paths";
import { count } from "../../../ui/numbers";
import { Loaded } from "../../../ui/states";

/** The last runs of each source, side by side. */
export function Sources() {
  const overview = useOverview();
  return (
    <section className="section sources" aria-labelledby="by-source">
      <div className="section-head">
        <h2 id="by-source">Rows per import, by integration</h2>
        <span className="faint wide-only">last {SLOTS}</span>
        <RunsLegend />
      </div>
      <Loaded query={overview}>
        {({ sources }) => (
          <ul className="source-bars">
            {sources.map((source) => (
              <Source key={source.source} {...source} />
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}

function Source({ source, syncs, runs }: Overview["sources"][number]) {
  return (
    <li>
      <div className="row-h">
        <Link className="strong clip" to={paths.source(source)}>
          {source}
        </Link>
        <span className="faint num push">
          {count(syncs)} {syncs === 1 ? "sync" : "syncs"}
        </span>
      </div>
      {runs.length > 0 ? (
        <RunsBar
          label={`Rows per import of ${source}`}
          bars={runs}
          to={(id) => paths.imports({ run: id })}
          compact
        />
      ) : (
        <p className="source-none faint">No runs yet</p>
      )}
    </li>
  );
}
