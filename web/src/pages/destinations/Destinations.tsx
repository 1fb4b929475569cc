import "./destinations.css";
import { Button } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { Link } from "react-router";
import { type Connection, useDestinations } from "../../api/queries-connections";
import { type Connector, useConnectors } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { Managed } from "../../ui/Chip";
import { type Column, DataTable } from "../../ui/DataTable";
import { Time } from "../../ui/numbers";
import { PageBody, PageHead } from "../../ui/PageHead";
import { SearchField } from "../../ui/SearchField";
import { EmptyState } from "../../ui/states";
import { useParam } from "../../ui/url";
import { Health } from "./parts/Health";
import { limitsOf } from "./parts/limits";
import { Names } from "./parts/Names";

/** Where calls go: how each place fares, and what delivers there. */
export function Destinations() {
  const connect = useMay("connect");
  const destinations = useDestinations();
  const connectors = useConnectors().data ?? [];
  const [text] = useParam("q");
  const rows = found(destinations.data, connectors, text ?? "");
  return (
    <>
      <PageHead title="Destinations">
        {connect && (
          <Button variant="filled" component={Link} to={paths.chooseDestination}>
            Add destination
          </Button>
        )}
      </PageHead>
      <PageBody label="Destinations">
        {destinations.data?.length !== 0 && (
          <div className="tools">
            <SearchField label="Filter by name or kind" />
          </div>
        )}
        <DataTable
          label="Destinations"
          columns={columns(connectors)}
          query={destinations}
          rows={rows}
          rowKey={({ name }) => name}
          empty={text ? <NothingFound text={text} /> : <NothingYet connect={connect} />}
        />
      </PageBody>
    </>
  );
}

function columns(connectors: readonly Connector[]): Column<Connection>[] {
  const of = ({ type }: Connection) =>
    connectors.find((one) => one.role === "destination" && one.type === type);
  return [
    { key: "name", head: "Name", spot: "title", cell: Name },
    {
      key: "kind",
      head: "Kind",
      spot: "left",
      cell: (one) => <span className="muted">{of(one)?.title ?? one.type}</span>,
    },
    { key: "health", head: "Health", spot: "top-right", cell: (one) => <Health health={one.health} /> },
    {
      key: "syncs",
      head: "What delivers there",
      spot: "line",
      cell: ({ syncs }) => <Names names={syncs} to={(name) => paths.sync(name)} none="Nothing yet" />,
    },
    {
      key: "limits",
      head: "Limits",
      spot: "hide",
      cell: (one) => (
        <span className="muted">{limitsOf(one.definition, of(one)).join(", ") || "Its own"}</span>
      ),
    },
    {
      key: "last",
      head: "Last run",
      spot: "right",
      align: "right",
      cell: ({ last_run }) => <Time at={last_run?.created_at ?? null} relative />,
    },
  ];
}

function Name({ name, origin, place }: Connection) {
  return (
    <span className="row-h">
      <Link to={paths.destination(name)}>{name}</Link>
      {origin === "file" && <Managed place={place} />}
    </span>
  );
}

function found(all: readonly Connection[] | undefined, connectors: readonly Connector[], text: string) {
  const wanted = text.toLowerCase();
  const title = (type: string) =>
    connectors.find((one) => one.role === "destination" && one.type === type)?.title ?? "";
  return all?.filter(({ name, type }) => `${name} ${type} ${title(type)}`.toLowerCase().includes(wanted));
}

function NothingFound({ text }: { text: string }) {
  return (
    <EmptyState title={`No destination matches “${text}”`}>
      Try a part of its name, or the name of the system that it is.
    </EmptyState>
  );
}

function NothingYet({ connect }: { connect: boolean }) {
  const add = (
    <Button variant="filled" component={Link} to={paths.chooseDestination}>
      Add destination
    </Button>
  );
  return (
    <EmptyState icon={IconSend} title="No destinations yet" action={connect && add}>
      {connect
        ? "A destination is where the calls of your syncs go: Customer.io, Mixpanel, a webhook …"
        : "A destination is where the calls of syncs go. An owner adds the first one."}
    </EmptyState>
  );
}
