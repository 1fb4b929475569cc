import "./destinations.css";
import { Button } from "@mantine/core";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { ApiProblem, type Tagged } from "../../api/client";
import {
  type Connection,
  useCheckConnection,
  useDeleteConnection,
  useDestination,
} from "../../api/queries-connections";
import { useConnector } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { Managed } from "../../ui/Chip";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { notify } from "../../ui/notify";
import { PageBody, PageHead } from "../../ui/PageHead";
import { ErrorBox, Loaded } from "../../ui/states";
import { Tabs, useTab } from "../../ui/Tabs";
import { NotFound } from "../NotFound";
import { CheckResult } from "./parts/CheckResult";
import { DestinationForm } from "./parts/DestinationForm";
import { DestinationOverview } from "./parts/DestinationOverview";
import { Health } from "./parts/Health";

const CRUMBS = [{ label: "Destinations", to: paths.destinations }];
const TABS = [
  { value: "overview", label: "Overview" },
  { value: "settings", label: "Settings" },
] as const;

/** One destination: how it fares, what delivers there, and its settings. */
export function Destination() {
  const { name = "" } = useParams();
  const destination = useDestination(name);
  if (destination.error instanceof ApiProblem && destination.error.status === 404) {
    return (
      <NotFound title={`There is no destination ${name}`} to={paths.destinations} link="See all destinations">
        It was renamed or deleted, or never there.
      </NotFound>
    );
  }
  return <Page key={name} name={name} destination={destination} />;
}

interface PageProps {
  name: string;
  destination: ReturnType<typeof useDestination>;
}

function Page({ name, destination }: PageProps) {
  const tab = useTab(TABS);
  const check = useCheckConnection("destinations");
  const connect = useMay("connect");
  const one = destination.data?.value;
  return (
    <>
      <PageHead title={name} crumbs={CRUMBS} tag={one && <Marks one={one} />}>
        {connect && (
          <Button loading={check.isPending} onClick={() => check.mutate(name)}>
            Check
          </Button>
        )}
        {connect && destination.data?.value.origin === "store" && <Delete found={destination.data} />}
      </PageHead>
      <Tabs label={`About ${name}`} tabs={TABS} />
      <PageBody label={tab === "overview" ? "Overview" : "Settings"}>
        {(check.data || check.error) && (
          <div className="section">
            {check.data && <CheckResult check={check.data} />}
            <ErrorBox error={check.error} />
          </div>
        )}
        <Loaded query={destination}>
          {(found) =>
            tab === "overview" ? <DestinationOverview one={found.value} /> : <Settings found={found} />
          }
        </Loaded>
      </PageBody>
    </>
  );
}

function Marks({ one }: { one: Connection }) {
  return (
    <>
      <Health health={one.health} />
      {one.origin === "file" && (
        <span className="wide-only">
          <Managed place={one.place} />
        </span>
      )}
    </>
  );
}

function Settings({ found }: { found: Tagged<Connection> }) {
  const connector = useConnector("destination", found.value.type);
  if (connector === undefined) return null;
  return <DestinationForm found={found} connector={connector} />;
}

/** Deleting is offered with what stands in its way. */
function Delete({ found: { value, etag } }: { found: Tagged<Connection> }) {
  const [asked, ask] = useState(false);
  const remove = useDeleteConnection("destinations");
  const navigate = useNavigate();
  const { name, syncs } = value;
  return (
    <>
      <Button onClick={() => ask(true)}>Delete</Button>
      <ConfirmDialog
        opened={asked}
        onClose={() => ask(false)}
        title={`Delete ${name}?`}
        action="Delete destination"
        typeName={name}
        onConfirm={async () => {
          await remove.mutateAsync({ name, etag });
          notify.ok(`The destination ${name} is deleted.`);
          void navigate(paths.destinations, { replace: true });
        }}
      >
        {syncs.length > 0 ? (
          <p>
            These syncs deliver there: <b>{syncs.join(", ")}</b>. As long as they do, it cannot be deleted:
            take it out of them first.
          </p>
        ) : (
          <p>
            No sync delivers there. Its settings and secrets are forgotten; the history of its runs is kept.
          </p>
        )}
      </ConfirmDialog>
    </>
  );
}
