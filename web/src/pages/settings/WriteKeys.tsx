import { Button } from "@mantine/core";
import { IconTransferIn } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useDeleteWriteKey, useWriteKeys } from "../../api/queries-access";
import { useSources } from "../../api/queries-connections";
import { useConnectors } from "../../api/queries-connectors";
import { paths } from "../../paths";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { type Column, DataTable } from "../../ui/DataTable";
import { Drawer } from "../../ui/Drawer";
import { notify } from "../../ui/notify";
import { Time } from "../../ui/numbers";
import { EmptyState } from "../../ui/states";
import { useParamLink } from "../../ui/url";
import { NewWriteKey } from "./parts/NewWriteKey";
import { Part } from "./parts/Part";

type Key = NonNullable<ReturnType<typeof useWriteKeys>["data"]>[number];

/** With what programs send calls to the sources that receive them. */
export function WriteKeys() {
  const keys = useWriteKeys();
  const receivers = useReceivers();
  const link = useParamLink();
  const [gone, setGone] = useState<Key | null>(null);
  const remove = useDeleteWriteKey();
  const none = receivers?.length === 0;
  const make = !none && (
    <Button variant="filled" component={Link} to={link("new", "key")}>
      Make a write key
    </Button>
  );
  return (
    <Part
      wide
      title="Write keys"
      lead="Programs send calls to a source with its write key. Make the new key before you revoke the old one: both work side by side."
      action={make}
    >
      <DataTable
        label="Write keys"
        columns={columns(setGone)}
        query={keys}
        rowKey={({ id }) => id}
        empty={
          none ? (
            <NoReceiver />
          ) : (
            <EmptyState icon={IconTransferIn} title="No write keys yet">
              Make one for each program that sends calls.
            </EmptyState>
          )
        }
      />
      <Drawer param="new" label="Make a write key" size={480}>
        {() => receivers && <NewWriteKey sources={receivers} />}
      </Drawer>
      <ConfirmDialog
        opened={gone !== null}
        onClose={() => setGone(null)}
        title={`Revoke ${gone?.name ?? ""}?`}
        action="Revoke key"
        onConfirm={async () => {
          await remove.mutateAsync(gone?.id ?? "");
          notify.ok(`The write key ${gone?.name ?? ""} is revoked.`);
        }}
      >
        Calls to {gone?.source} with it are refused within seconds. It cannot be brought back.
      </ConfirmDialog>
    </Part>
  );
}

/** Names of the sources to which programs send calls. */
function useReceivers(): string[] | undefined {
  const sources = useSources().data;
  const connectors = useConnectors().data;
  if (!sources || !connectors) return undefined;
  const receiving = new Set(connectors.filter((one) => one.receives).map(({ type }) => type));
  return sources.filter(({ type }) => receiving.has(type)).map(({ name }) => name);
}

function columns(revoke: (key: Key) => void): Column<Key>[] {
  return [
    {
      key: "name",
      head: "Name",
      spot: "title",
      cell: ({ id, name }) => (
        <span className="row-h">
          <span className="clip">{name}</span>
          <span className="mono faint">{id}…</span>
        </span>
      ),
    },
    {
      key: "source",
      head: "Source",
      spot: "left",
      cell: ({ source }) => (
        <Link className="link" to={paths.source(source)}>
          {source}
        </Link>
      ),
    },
    { key: "made", head: "Made", spot: "left", cell: ({ created_at }) => <Time at={created_at} relative /> },
    {
      key: "revoke",
      head: <span className="sr">Revoke</span>,
      spot: "right",
      align: "right",
      cell: (key) => (
        <Button variant="subtle" aria-label={`Revoke ${key.name}`} onClick={() => revoke(key)}>
          Revoke
        </Button>
      ),
    },
  ];
}

function NoReceiver() {
  const connect = (
    <Button component={Link} to={`${paths.integrations}?tab=directory`}>
      Open the directory
    </Button>
  );
  return (
    <EmptyState icon={IconTransferIn} title="No source takes calls yet" action={connect}>
      Write keys belong to a source of the kind HTTP: connect one first.
    </EmptyState>
  );
}
