import { IconBell } from "@tabler/icons-react";
import { Link } from "react-router";
import { type Notice, useNotices } from "../../../api/queries-alerts";
import { Chip } from "../../../ui/Chip";
import { type Column, DataTable } from "../../../ui/DataTable";
import { Drawer } from "../../../ui/Drawer";
import { Facts } from "../../../ui/Kpi";
import { Time } from "../../../ui/numbers";
import { EmptyState, Note } from "../../../ui/states";
import { useParamLink } from "../../../ui/url";
import { Part } from "./Part";
import { TroubleChip } from "./TroubleChip";

/** What channels were told, and whether it arrived. */
export function Notices() {
  const notices = useNotices();
  const link = useParamLink();
  const columns: Column<Notice>[] = [
    {
      key: "text",
      head: "Message",
      spot: "title",
      cell: ({ id, text }) => <Link to={link("notice", String(id))}>{text.split("\n")[0]}</Link>,
    },
    {
      key: "trouble",
      head: "Trouble",
      spot: "hide",
      cell: ({ trouble, recovered }) => <TroubleChip trouble={trouble} over={recovered} />,
    },
    {
      key: "channel",
      head: "Told to",
      spot: "left",
      cell: ({ channel }) => <span className="muted">{channel}</span>,
    },
    { key: "state", head: "State", spot: "top-right", cell: (notice) => <Sent notice={notice} /> },
    { key: "at", head: "When", spot: "right", align: "right", cell: ({ at }) => <Time at={at} relative /> },
  ];
  return (
    <Part
      wide
      title="Messages"
      lead="What channels were told. One that does not answer is tried again, for a day."
    >
      <DataTable
        label="Messages"
        columns={columns}
        query={notices}
        rowKey={({ id }) => String(id)}
        empty={
          <EmptyState icon={IconBell} title="No messages yet">
            The first trouble of a sync that a channel watches makes one.
          </EmptyState>
        }
      />
      <Drawer param="notice" label="Message">
        {(id) => <Details notice={notices.data?.find((one) => String(one.id) === id)} />}
      </Drawer>
    </Part>
  );
}

function Sent({ notice: { state, problem } }: { notice: Notice }) {
  if (state === "given_up") return <Chip tone="bad">Given up</Chip>;
  if (state === "owed")
    return <Chip tone={problem ? "warn" : "live"}>{problem ? "Tried again soon" : "On its way"}</Chip>;
  return <Chip tone={problem ? "warn" : "ok"}>Sent</Chip>;
}

function Details({ notice }: { notice: Notice | undefined }) {
  if (notice === undefined)
    return (
      <EmptyState title="There is no such message">
        It is older than what is listed, or was never there.
      </EmptyState>
    );
  return (
    <div className="stack-v">
      <Facts
        facts={[
          ["State", <Sent key="state" notice={notice} />],
          ["Told to", notice.channel],
          ["Raised", <Time key="at" at={notice.at} />],
          ["Sent", <Time key="sent" at={notice.sent_at} />],
          [
            "Tries",
            <span key="tries" className="num">
              {notice.tries}
            </span>,
          ],
          ["Next try", <Time key="next" at={notice.next_try} relative />],
        ]}
      />
      {notice.problem && <Note tone={notice.state === "given_up" ? "bad" : "warn"}>{notice.problem}</Note>}
      <pre className="json letter">{notice.text}</pre>
    </div>
  );
}
