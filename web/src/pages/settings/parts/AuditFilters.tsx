import { Select } from "@mantine/core";
import { useUsers } from "../../../api/queries-access";
import type { AuditFilter } from "../../../api/queries-settings";
import { SearchField } from "../../../ui/SearchField";
import { useParam } from "../../../ui/url";

const KINDS = [
  { value: "sync", label: "Syncs" },
  { value: "source", label: "Sources" },
  { value: "destination", label: "Destinations" },
  { value: "run", label: "Runs" },
  { value: "alert", label: "Alert channels" },
  { value: "settings", label: "Settings" },
  { value: "secret", label: "Secrets" },
  { value: "user", label: "People" },
  { value: "token", label: "API tokens" },
  { value: "write_key", label: "Write keys" },
];
const PROGRAMS = [
  { value: "token:", label: "Programs, by token" },
  { value: "local:", label: "The command line" },
  { value: "nobody", label: "Nobody signed in" },
];

/** The filter as the address has it. */
export function useAuditFilter(): AuditFilter {
  const [kind] = useParam("kind");
  const [name] = useParam("q");
  const [who] = useParam("who");
  return {
    ...(kind && { thing: `${kind}/${name ?? ""}` }),
    ...(who && { actor: who }),
  };
}

export function AuditFilters() {
  const [kind, setKind] = useParam("kind");
  const [who, setWho] = useParam("who");
  const people = (useUsers().data ?? []).map(({ email }) => ({ value: `user:${email}`, label: email }));
  return (
    <div className="tools wrap">
      <Select
        aria-label="Kind of thing"
        placeholder="Everything"
        data={KINDS}
        clearable
        clearButtonProps={{ "aria-label": "Show every kind" }}
        w={170}
        value={kind}
        onChange={setKind}
      />
      {kind && <SearchField label="Its whole name" width={200} />}
      <Select
        aria-label="Who"
        placeholder="Everybody"
        data={[...people, ...PROGRAMS]}
        searchable
        clearable
        clearButtonProps={{ "aria-label": "Show everybody" }}
        w={220}
        value={who}
        onChange={setWho}
      />
    </div>
  );
}
