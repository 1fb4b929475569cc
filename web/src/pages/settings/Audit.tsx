import { Button } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { Link } from "react-router";
import { type Entry, useAudit } from "../../api/queries-settings";
import { type Column, DataTable } from "../../ui/DataTable";
import { Drawer } from "../../ui/Drawer";
import { Time } from "../../ui/numbers";
import { EmptyState } from "../../ui/states";
import { useParam, useParamLink } from "../../ui/url";
import { AuditFilters, useAuditFilter } from "./parts/AuditFilters";
import { EntryDetails } from "./parts/EntryDetails";
import { Part } from "./parts/Part";
import { Verify } from "./parts/Verify";
import { actionWords, whoWords } from "./parts/words";

/** Who changed what, when, and from where. */
export function Audit() {
  const filter = useAuditFilter();
  const entries = useAudit(filter);
  const link = useParamLink();
  const [selected] = useParam("entry");
  const filtered = Object.keys(filter).length > 0;
  const columns: Column<Entry>[] = [
    {
      key: "what",
      head: "What",
      spot: "title",
      cell: ({ seq, action }) => <Link to={link("entry", String(seq))}>{actionWords(action)}</Link>,
    },
    {
      key: "thing",
      head: "Of",
      spot: "line",
      cell: ({ thing }) => <span className="mono clip thing">{thing}</span>,
    },
    {
      key: "who",
      head: "Who",
      spot: "left",
      cell: ({ actor }) => <span className="muted">{whoWords(actor)}</span>,
    },
    { key: "via", head: "From", spot: "hide", cell: ({ via }) => <span className="faint">{via}</span> },
    { key: "at", head: "When", spot: "top-right", align: "right", cell: ({ at }) => <Time at={at} /> },
  ];
  return (
    <Part
      wide
      title="Audit log"
      lead="Every change is logged with the change itself: what was, and what is; never a secret. Nobody can change or delete an entry unseen."
    >
      <Verify />
      <AuditFilters />
      <DataTable
        label="Audit log"
        columns={columns}
        query={entries}
        rowKey={({ seq }) => String(seq)}
        selected={({ seq }) => String(seq) === selected}
        empty={
          <EmptyState icon={IconHistory} title={filtered ? "Nothing matches" : "Nothing is logged yet"}>
            {filtered ? "Take a filter away to see more." : "The first change appears here."}
          </EmptyState>
        }
      />
      <Drawer param="entry" label="Entry" head={(seq) => <h2>Entry {seq}</h2>}>
        {(seq) => <Found seq={seq} entries={entries} />}
      </Drawer>
    </Part>
  );
}

/** The entry as far as the list was read; the rest of it is read on demand. */
function Found({ seq, entries }: { seq: string; entries: ReturnType<typeof useAudit> }) {
  const entry = entries.data?.find((one) => String(one.seq) === seq);
  if (entry) return <EntryDetails entry={entry} />;
  if (entries.isPending) return <p className="muted">Loading …</p>;
  if (!entries.hasNextPage)
    return <EmptyState title="There is no such entry">It is filtered out, or was never there.</EmptyState>;
  const more = (
    <Button loading={entries.isFetchingNextPage} onClick={() => void entries.fetchNextPage()}>
      Read on
    </Button>
  );
  return (
    <EmptyState title="Not read yet" action={more}>
      The entry stands further back in the log than what was read so far.
    </EmptyState>
  );
}
