import { Link, useSearchParams } from "react-router";
import { Tag } from "../../../ui/Chip";
import type { Column } from "../../../ui/DataTable";
import { count } from "../../../ui/numbers";
import { Second } from "./moments";
import { CallOutcome } from "./outcome";
import { type ListedCall, nameOf } from "./useTail";

/** Kept outside the page, so that of a thousand calls only those that are new are drawn. */
export const COLUMNS: readonly Column<ListedCall>[] = [
  {
    key: "at",
    head: "At",
    width: 128,
    spot: "right",
    cell: (call) => (
      <span className={call.live ? "muted fresh" : "muted"}>
        <Second at={call.at} />
      </span>
    ),
  },
  { key: "kind", head: "Kind", width: 88, spot: "left", cell: (call) => call.kind && <Tag>{call.kind}</Tag> },
  { key: "user", head: "User", spot: "title", cell: (call) => <OpenCall call={call} /> },
  { key: "name", head: "Name", spot: "left", cell: (call) => <Clipped text={call.name} /> },
  {
    key: "source",
    head: "Source",
    width: "13%",
    spot: "hide",
    cell: (call) => <Clipped text={call.source} />,
  },
  { key: "sync", head: "Sync", width: "13%", spot: "hide", cell: (call) => <Clipped text={call.sync} /> },
  {
    key: "outcome",
    head: "Outcome",
    width: 160,
    spot: "top-right",
    cell: (call) => <CallOutcome call={call} />,
  },
];

/** Opens the call; its words are whose it is. */
function OpenCall({ call }: { call: ListedCall }) {
  const [params] = useSearchParams();
  const to = new URLSearchParams(params);
  to.set("call", addressOf(call));
  return (
    <Link className="clip call-link" to={`?${to}`} preventScrollReset>
      {call.user ? <bdi>{call.user}</bdi> : <span className="muted">{rowName(call)}</span>}
    </Link>
  );
}

function rowName(call: ListedCall): string {
  return call.run === null ? "No user" : `Row ${count(call.row)}`;
}

function Clipped({ text }: { text: string }) {
  return text === "" ? null : <bdi className="clip muted call-text">{text}</bdi>;
}

/** What `?call=` says: its id, or its name while it has none. */
export function addressOf(call: ListedCall): string {
  return call.id > 0 ? String(call.id) : nameOf(call);
}
