import { SegmentedControl, Select } from "@mantine/core";
import { useMemo } from "react";
import type { Sync } from "../../../api/queries-syncs";
import { SearchField } from "../../../ui/SearchField";
import { STATES, type SyncFilters } from "./filter";

interface SyncsBarProps {
  filters: SyncFilters;
  syncs: readonly Sync[] | undefined;
  bySource: boolean;
}

/** Search and filters over the syncs. */
export function SyncsBar({ filters, syncs, bySource }: SyncsBarProps) {
  const sources = useMemo(() => distinct(syncs, (sync) => (sync.source ? [sync.source] : [])), [syncs]);
  const destinations = useMemo(() => distinct(syncs, (sync) => sync.destinations), [syncs]);
  return (
    <div className="tools syncs-tools">
      <SearchField label="Search syncs" />
      <div className="syncs-states">
        <SegmentedControl
          aria-label="Status"
          value={filters.state}
          onChange={filters.setState}
          data={[...STATES]}
        />
      </div>
      <span className="push" />
      {bySource && (
        <Choice
          label="Source"
          any="All sources"
          data={sources}
          value={filters.source}
          onChange={filters.setSource}
        />
      )}
      <Choice
        label="Destination"
        any="All destinations"
        data={destinations}
        value={filters.destination}
        onChange={filters.setDestination}
      />
    </div>
  );
}

interface ChoiceProps {
  label: string;
  any: string;
  data: string[];
  value: string | null;
  onChange: (value: string | null) => void;
}

function Choice({ label, any, data, value, onChange }: ChoiceProps) {
  return (
    <Select
      aria-label={label}
      className="syncs-choice"
      placeholder={any}
      searchable
      clearable
      clearButtonProps={{ "aria-label": any }}
      nothingFoundMessage="None has this name"
      data={data}
      value={value}
      onChange={onChange}
    />
  );
}

function distinct(syncs: readonly Sync[] | undefined, of: (sync: Sync) => readonly string[]): string[] {
  return [...new Set((syncs ?? []).flatMap(of))].sort();
}
