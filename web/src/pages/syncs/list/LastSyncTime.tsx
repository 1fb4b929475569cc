import { SegmentedControl, TextInput } from "@mantine/core";
import { useState } from "react";
import { type Sync, useSetLastSyncTime } from "../../../api/queries-syncs";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import { notify } from "../../../ui/notify";
import { Time } from "../../../ui/numbers";
import { Note } from "../../../ui/states";
import { fromField, seconds, toField } from "./moments";
import type { SyncDialogProps } from "./RunFull";
import { isReceived } from "./RunNow";

const WAYS = [
  { value: "moment", label: "A moment" },
  { value: "everything", label: "Everything" },
];

/** Says from where the next run reads, and what follows from it before it is done. */
export function LastSyncTime({ sync, opened, onClose }: SyncDialogProps) {
  return opened ? <Dialog key={sync.name} sync={sync} onClose={onClose} /> : null;
}

function Dialog({ sync, onClose }: Omit<SyncDialogProps, "opened">) {
  const received = isReceived(sync);
  const [way, setWay] = useState(received || sync.last_sync_time === 0 ? "everything" : "moment");
  const [text, setText] = useState(toField(sync.last_sync_at));
  const set = useSetLastSyncTime();
  const moment = fromField(text);
  const wanted = way === "everything" ? 0 : moment;
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      title={`Last sync time of ${sync.name}`}
      action={wanted === 0 ? "Reset to 0" : "Set last sync time"}
      danger={wanted === 0}
      disabled={wanted === null || wanted === sync.last_sync_time}
      {...(wanted === 0 && { typeName: sync.name })}
      onConfirm={async () => {
        await set.mutateAsync({ name: sync.name, last_sync_time: wanted ?? 0 });
        notify.ok(`Last sync time of ${sync.name} is set.`);
      }}
    >
      <div className="stack-v">
        <p>
          <code>{"{{last_sync_time}}"}</code> is now <Now sync={sync} />. The next run reads from
        </p>
        {!received && (
          <SegmentedControl aria-label="From" value={way} onChange={setWay} data={WAYS} fullWidth />
        )}
        {way === "moment" && (
          <TextInput
            type="datetime-local"
            step={1}
            label="Moment"
            description={`In the time zone of your browser, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`}
            value={text}
            error={moment === null && "Give a day and a time"}
            onChange={(event) => setText(event.currentTarget.value)}
          />
        )}
        {wanted !== null && <Consequence sync={sync} wanted={wanted} />}
      </div>
    </ConfirmDialog>
  );
}

function Now({ sync }: { sync: Sync }) {
  return (
    <>
      <code>{sync.last_sync_time}</code>
      {sync.last_sync_at && (
        <>
          {" ("}
          <Time at={sync.last_sync_at} />)
        </>
      )}
    </>
  );
}

/** What the next run will do, and what it will leave out. */
function Consequence({ sync, wanted }: { sync: Sync; wanted: number }) {
  if (wanted === sync.last_sync_time) return <Note>That is where it stands now: nothing changes.</Note>;
  if (wanted === 0) {
    return (
      <Note tone="warn">
        The next run sees 0 and sends everything again, also what was sent before. A destination drops a call
        again only where it still knows its messageId.
      </Note>
    );
  }
  const at = <Time at={new Date(wanted * 1_000).toISOString()} />;
  if (wanted < sync.last_sync_time) {
    return (
      <Note>
        <code>{wanted}</code>: rows that changed since {at} are read and sent again.
      </Note>
    );
  }
  return (
    <Note tone="warn">
      <code>{wanted}</code>: rows that changed before {at} and were not sent yet are never sent by this sync.
      {wanted > seconds(Date.now()) && " It lies ahead: until then no row is new."}
    </Note>
  );
}
