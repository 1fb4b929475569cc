import { Button } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { Link } from "react-router";
import { type Connection, useDestinations, useSources } from "../../api/queries-connections";
import { useConnectors } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { Managed } from "../../ui/Chip";
import { type Column, DataTable } from "../../ui/DataTable";
import { Count } from "../../ui/numbers";
import { EmptyState } from "../../ui/states";
import { HealthChip, LastRun } from "./parts/Health";
import { Mark } from "./parts/Mark";

interface Row extends Connection {
  role: "source" | "destination";
  title: string;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    key: "name",
    head: "Name",
    spot: "title",
    cell: (row) => (
      <Link
        className="row-h connection"
        to={row.role === "source" ? paths.source(row.name) : paths.destination(row.name)}
      >
        <Mark type={row.type} />
        <span className="clip">{row.name}</span>
      </Link>
    ),
  },
  { key: "health", head: "Health", spot: "top-right", cell: (row) => <HealthChip connection={row} /> },
  { key: "type", head: "Type", spot: "left", cell: (row) => <span className="muted">{row.title}</span> },
  {
    key: "role",
    head: "Direction",
    spot: "left",
    cell: (row) => <span className="muted">{row.role === "source" ? "Data In" : "Data Out"}</span>,
  },
  {
    key: "origin",
    head: <span className="sr">Managed</span>,
    spot: "hide",
    cell: (row) => row.origin === "file" && <Managed place={row.place} />,
  },
  {
    key: "syncs",
    head: "Syncs",
    align: "right",
    spot: "left",
    phone: "syncs",
    cell: (row) => <Count value={row.syncs.length} />,
  },
  { key: "run", head: "Last run", spot: "right", width: 220, cell: (row) => <LastRun connection={row} /> },
];

/** What is connected: sources first, then destinations. */
export function Connections() {
  const sources = useSources();
  const destinations = useDestinations();
  const connectors = useConnectors();
  const may = useMay("connect");
  const title = (role: Row["role"], type: string) =>
    connectors.data?.find((one) => one.role === role && one.type === type)?.title ?? type;
  const rows = (role: Row["role"], all: readonly Connection[]): Row[] =>
    all.map((one) => ({ ...one, role, title: title(role, one.type) }));
  const both = sources.data &&
    destinations.data && [...rows("source", sources.data), ...rows("destination", destinations.data)];
  const failed = sources.isError ? sources : destinations;
  const query = { data: both, isError: failed.isError, error: failed.error, refetch: failed.refetch };
  return (
    <DataTable
      label="Connections"
      columns={COLUMNS}
      query={query}
      rowKey={(row) => `${row.role} ${row.name}`}
      empty={
        <EmptyState
          icon={IconPlugConnectedX}
          title="Nothing is connected yet"
          action={
            may && (
              <Button variant="filled" component={Link} to={`${paths.integrations}?show=in`}>
                Connect a database
              </Button>
            )
          }
        >
          Connect the database that your rows are in, then the destination that they go to.
        </EmptyState>
      }
    />
  );
}
