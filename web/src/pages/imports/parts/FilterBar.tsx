import { SegmentedControl, Select } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useMemo } from "react";
import { useSyncs } from "../../../api/queries-syncs";
import { type Filters, PERIODS, STATES } from "../filter";

/** How many names the list under the field shows; typing finds the others. */
const LISTED = 50;

interface FilterBarProps {
  filters: Filters;
  source?: string;
  sync?: string;
}

/** What of the history is shown. A page about one sync has no choice of syncs. */
export function FilterBar({ filters, source, sync }: FilterBarProps) {
  const syncs = useSyncs(source === undefined ? {} : { source });
  const names = useMemo(() => {
    const known = (syncs.data ?? []).map(({ name }) => name);
    // A link may name a sync that is deleted: its runs are kept.
    return filters.sync === null || known.includes(filters.sync) ? known : [filters.sync, ...known];
  }, [syncs.data, filters.sync]);
  return (
    <div className="tools imports-tools">
      <div className="imports-states">
        <SegmentedControl
          aria-label="State"
          value={filters.state}
          onChange={filters.setState}
          data={STATES}
        />
      </div>
      <span className="push" />
      <Select
        aria-label="Time"
        className="imports-period"
        data={PERIODS}
        value={filters.period}
        onChange={(value) => filters.setPeriod(value ?? "all")}
      />
      {sync === undefined && (
        <Select
          aria-label="Sync"
          className="imports-sync"
          placeholder="All syncs"
          leftSection={<IconSearch size={14} stroke={1.7} aria-hidden />}
          searchable
          clearable
          clearButtonProps={{ "aria-label": "All syncs" }}
          limit={LISTED}
          nothingFoundMessage="No sync has this name"
          data={names}
          value={filters.sync}
          onChange={filters.setSync}
        />
      )}
    </div>
  );
}
