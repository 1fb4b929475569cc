import { Button } from "@mantine/core";
import { useState } from "react";
import { ApiProblem, type Tagged } from "../../../api/client";
import { type Channel, useChannel, useDeleteChannel } from "../../../api/queries-alerts";
import { useMay } from "../../../api/queries-session";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import { notify } from "../../../ui/notify";
import { EmptyState, Loaded, Note } from "../../../ui/states";
import { useParam } from "../../../ui/url";
import { ChannelForm } from "./ChannelForm";

/** One channel in the drawer: its settings, and deleting it. */
export function ChannelDrawer({ name }: { name: string }) {
  const channel = useChannel(name);
  if (channel.error instanceof ApiProblem && channel.error.status === 404) {
    return (
      <EmptyState title={`There is no channel ${name}`}>It was deleted, or the address is wrong.</EmptyState>
    );
  }
  return <Loaded query={channel}>{(found) => <Known key={found.etag} found={found} />}</Loaded>;
}

function Known({ found }: { found: Tagged<Channel> }) {
  const { name, origin, place, findings } = found.value;
  const connect = useMay("connect");
  const managed = origin === "file";
  const [, open] = useParam("channel", "replace");
  return (
    <div className="stack-v">
      {managed && (
        <Note>
          This channel stands in {place}: edit it there. The service reads the file again on SIGHUP.
        </Note>
      )}
      {findings.map(({ where, message }) => (
        <Note key={where + message} tone="bad">
          {message}
        </Note>
      ))}
      <ChannelForm found={found} disabled={managed || !connect} onSaved={() => open(null)} />
      {!managed && connect && <Delete name={name} etag={found.etag} done={() => open(null)} />}
    </div>
  );
}

function Delete({ name, etag, done }: { name: string; etag: string; done: () => void }) {
  const [asked, ask] = useState(false);
  const remove = useDeleteChannel();
  return (
    <div className="drawer-part">
      <div>
        <Button color="red" variant="light" onClick={() => ask(true)}>
          Delete channel
        </Button>
      </div>
      <ConfirmDialog
        opened={asked}
        onClose={() => ask(false)}
        title={`Delete ${name}?`}
        action="Delete channel"
        typeName={name}
        onConfirm={async () => {
          await remove.mutateAsync({ name, etag });
          notify.ok(`The channel ${name} is deleted.`);
          done();
        }}
      >
        It is told nothing any more, also not that open troubles are over. Messages that were sent stay in the
        list.
      </ConfirmDialog>
    </div>
  );
}
