import { Button, Select } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { useSources } from "../../../api/queries-connections";
import { useSyncs } from "../../../api/queries-syncs";
import { SearchField } from "../../../ui/SearchField";
import { useParam } from "../../../ui/url";
import { OUTCOME_OPTIONS } from "./outcome";
import { KINDS } from "./useCallFilter";

/** The filters of the list; each stands in the address. */
export function CallFilters() {
  const sources = useSources().data?.map((source) => source.name) ?? [];
  const syncs = useSyncs().data?.map((sync) => sync.name) ?? [];
  return (
    <search className="tools calls-tools" aria-label="Filter calls">
      <SearchField label="User, name or messageId" />
      <Choice param="source" label="Source" options={sources} />
      <Choice param="sync" label="Sync" options={syncs} />
      <Choice param="kind" label="Kind" options={KINDS} />
      <Choice param="outcome" label="Outcome" options={OUTCOME_OPTIONS} />
      <OfRun />
    </search>
  );
}

interface ChoiceProps {
  param: string;
  label: string;
  options: readonly (string | { value: string; label: string })[];
}

function Choice({ param, label, options }: ChoiceProps) {
  const [value, set] = useParam(param);
  const known = options.map((option) =>
    typeof option === "string" ? { value: option, label: option } : option,
  );
  // A link may name what is deleted by now, and calls of it are still kept.
  const gone = value !== null && !known.some((option) => option.value === value);
  return (
    <Select
      className="calls-choice"
      aria-label={label}
      placeholder={`Any ${label.toLowerCase()}`}
      data={gone ? [...known, { value, label: value }] : known}
      value={value}
      onChange={set}
      clearable
      clearButtonProps={{ "aria-label": `Any ${label.toLowerCase()}` }}
    />
  );
}

/** Only a link brings this filter; here it is taken out again. */
function OfRun() {
  const [run, set] = useParam("run");
  if (run === null) return null;
  return (
    <Button
      rightSection={<IconX size={13} aria-hidden />}
      onClick={() => set(null)}
      aria-label={`Run ${run}: show calls of all runs`}
      className="calls-run"
    >
      Run <span className="mono">{run}</span>
    </Button>
  );
}
