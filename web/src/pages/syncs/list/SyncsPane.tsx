import "./list.css";
import { Button } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useMemo } from "react";
import { Link } from "react-router";
import { useMay } from "../../../api/queries-session";
import { useSyncs } from "../../../api/queries-syncs";
import { paths } from "../../../paths";
import { DataTable } from "../../../ui/DataTable";
import { EmptyState } from "../../../ui/states";
import { columns } from "./columns";
import { type SyncFilters, useSyncFilters } from "./filter";
import { SyncsBar } from "./SyncsBar";

const ROW = 57;

/** Syncs with their filters: all, or those of one source. */
export function SyncsPane({ source }: { source?: string }) {
  const syncs = useSyncs(source === undefined ? {} : { source });
  const filters = useSyncFilters();
  const operate = useMay("operate");
  const shown = useMemo(() => columns({ operate, source: source === undefined }), [operate, source]);
  const rows = useMemo(() => filters.chosen(syncs.data), [filters.chosen, syncs.data]);
  return (
    <>
      {syncs.data?.length !== 0 && (
        <SyncsBar filters={filters} syncs={syncs.data} bySource={source === undefined} />
      )}
      <DataTable
        label="Syncs"
        columns={shown}
        query={syncs}
        rows={rows}
        rowKey={(sync) => sync.name}
        rowHeight={ROW}
        empty={<Nothing filters={filters} any={syncs.data?.length !== 0} source={source} />}
      />
    </>
  );
}

function Nothing({
  filters,
  any,
  source,
}: {
  filters: SyncFilters;
  any: boolean;
  source: string | undefined;
}) {
  const edit = useMay("edit");
  if (any && filters.narrowed) {
    return (
      <EmptyState
        title="No sync is like that"
        icon={IconRefresh}
        action={<Button onClick={filters.clear}>Clear filters</Button>}
      >
        Look for part of a name, a description, a source or a destination.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title="No syncs yet"
      icon={IconRefresh}
      action={
        edit && (
          <Button variant="filled" component={Link} to={paths.newSync(source)}>
            Add sync
          </Button>
        )
      }
    >
      A sync runs your query again and again, and makes a call of every row that it returns.
    </EmptyState>
  );
}
