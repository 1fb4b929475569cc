import { Button } from "@mantine/core";
import { IconBolt, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { useEvents, type WorkspaceEvent } from "../../../api/queries-workspaces";
import { Tag } from "../../../ui/Chip";
import { CopyField } from "../../../ui/CopyField";
import { JsonBox } from "../../../ui/JsonBox";
import { Time } from "../../../ui/numbers";
import { EmptyState, ErrorBox, Skeleton } from "../../../ui/states";
import { Values } from "../../../ui/Value";

/** What a person did, the last received first. */
export function Events({ workspace, person }: { workspace: string; person: number }) {
  const events = useEvents(workspace, person);
  if (events.data === undefined) {
    return (
      <div className="pad" aria-busy={events.isPending}>
        {events.isError ? (
          <ErrorBox error={events.error} retry={() => void events.refetch()} />
        ) : (
          <Skeleton />
        )}
      </div>
    );
  }
  if (events.data.length === 0) {
    return (
      <EmptyState icon={IconBolt} title="No events">
        Events come of calls of the kinds track, page and screen for this person.
      </EmptyState>
    );
  }
  return (
    <>
      <ol className="timeline" aria-label="Events">
        {events.data.map((event) => (
          <li key={event.id}>
            <OneEvent event={event} />
          </li>
        ))}
      </ol>
      {events.isError && <ErrorBox error={events.error} retry={() => void events.refetch()} />}
      {events.hasNextPage && (
        <div className="more">
          <Button loading={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
            Load more
          </Button>
        </div>
      )}
    </>
  );
}

function OneEvent({ event }: { event: WorkspaceEvent }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="event" onToggle={(toggle) => setOpen(toggle.currentTarget.open)}>
      <summary>
        <IconChevronRight className="event-mark" size={14} stroke={1.7} aria-hidden />
        <bdi className="clip strong">{event.name ?? "Without a name"}</bdi>
        <Tag>{event.kind}</Tag>
        <span className="push faint">
          <Time at={event.occurred_at} />
        </span>
      </summary>
      {open && <Inside event={event} />}
    </details>
  );
}

function Inside({ event }: { event: WorkspaceEvent }) {
  const properties = Object.keys(event.properties).length;
  return (
    <div className="event-body stack-v">
      {properties > 0 ? (
        <Values label="Properties" values={event.properties} sorted />
      ) : (
        <p className="faint">This event has no properties.</p>
      )}
      {Object.keys(event.context).length > 0 && (
        <section aria-label="Context">
          <h3 className="event-head">Context</h3>
          <JsonBox label="context as JSON" value={event.context} />
        </section>
      )}
      <div className="id">
        <span className="faint">
          Received <Time at={event.received_at} />, messageId
        </span>
        <CopyField label="messageId" value={event.message_id} />
      </div>
    </div>
  );
}
