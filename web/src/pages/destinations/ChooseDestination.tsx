import "./destinations.css";
import { Link } from "react-router";
import { useConnectors } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { PageBody, PageHead } from "../../ui/PageHead";
import { SearchField } from "../../ui/SearchField";
import { EmptyState, Loaded } from "../../ui/states";
import { useParam } from "../../ui/url";
import { NotForYou } from "./parts/NotForYou";

const CRUMBS = [{ label: "Destinations", to: paths.destinations }];

/** The first step to a new destination: which system it is. */
export function ChooseDestination() {
  const connectors = useConnectors();
  const connect = useMay("connect");
  const wanted = (useParam("q")[0] ?? "").toLowerCase();
  return (
    <>
      <PageHead title="Add destination" crumbs={CRUMBS} />
      <PageBody label="Add destination">
        {!connect && <NotForYou />}
        {connect && (
          <>
            <div className="tools">
              <SearchField label="Filter systems" />
            </div>
            <Loaded query={connectors}>
              {(all) => (
                <Tiles
                  kinds={all.filter(
                    ({ role, type, title }) =>
                      role === "destination" && `${type} ${title}`.toLowerCase().includes(wanted),
                  )}
                />
              )}
            </Loaded>
          </>
        )}
      </PageBody>
    </>
  );
}

function Tiles({ kinds }: { kinds: readonly { type: string; title: string; summary: string }[] }) {
  if (kinds.length === 0) {
    return (
      <EmptyState title="No system matches">
        Any system with an HTTP endpoint can be a destination: take the webhook.
      </EmptyState>
    );
  }
  return (
    <ul className="kinds pad" aria-label="Systems">
      {kinds.map(({ type, title, summary }) => (
        <li key={type}>
          <Link className="kind" to={paths.newDestination(type)}>
            <b>{title}</b>
            <span>{summary}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
