import { IconCircleCheck } from "@tabler/icons-react";
import { Link } from "react-router";
import type { useOpenAlerts } from "../../../api/queries-alerts";
import { paths } from "../../../paths";
import { type Column, DataTable } from "../../../ui/DataTable";
import { Time } from "../../../ui/numbers";
import { EmptyState } from "../../../ui/states";
import { Part } from "./Part";
import { TroubleChip } from "./TroubleChip";

type Alert = NonNullable<ReturnType<typeof useOpenAlerts>["data"]>[number];

const COLUMNS: readonly Column<Alert>[] = [
  { key: "sync", head: "Sync", spot: "title", cell: ({ sync }) => <Link to={paths.sync(sync)}>{sync}</Link> },
  {
    key: "trouble",
    head: "Trouble",
    spot: "top-right",
    cell: ({ trouble }) => <TroubleChip trouble={trouble} />,
  },
  {
    key: "channel",
    head: "Told to",
    spot: "left",
    cell: ({ channel }) => <span className="muted">{channel}</span>,
  },
  { key: "since", head: "Since", spot: "left", cell: ({ since }) => <Time at={since} relative /> },
  {
    key: "run",
    head: "Shown by",
    spot: "right",
    align: "right",
    cell: ({ run }) =>
      run && (
        <Link className="link" to={paths.imports({ run })}>
          Open the run
        </Link>
      ),
  },
];

/** Troubles that are there now. */
export function OpenAlerts({ open }: { open: ReturnType<typeof useOpenAlerts> }) {
  return (
    <Part wide title="Wrong now" lead="Troubles that were told to a channel and are not over.">
      <DataTable
        label="Wrong now"
        columns={COLUMNS}
        query={open}
        rowKey={({ channel, sync, trouble }) => `${channel} ${sync} ${trouble}`}
        empty={
          <EmptyState icon={IconCircleCheck} title="Nothing is wrong">
            Syncs that get into trouble stand here until they have recovered.
          </EmptyState>
        }
      />
    </Part>
  );
}
