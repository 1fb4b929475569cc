import { type Sync, useRunSync } from "../../../api/queries-syncs";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import { notify } from "../../../ui/notify";

export interface SyncDialogProps {
  sync: Sync;
  opened: boolean;
  onClose: () => void;
}

/** Asks before everything is sent again. */
export function RunFull({ sync, opened, onClose }: SyncDialogProps) {
  const run = useRunSync();
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={`Run ${sync.name} once over everything?`}
      action="Run full once"
      danger={false}
      onConfirm={async () => {
        await run.mutateAsync({ name: sync.name, full: true });
        notify.ok(`Sync ${sync.name} was started over everything.`);
      }}
    >
      <p>
        The query runs once with <code>{"{{last_sync_time}}"}</code> 0: every row that it returns then goes to{" "}
        <b>{sync.destinations.join(", ")}</b>, also those that were sent before.
      </p>
      <p>
        At its end <code>last_sync_time</code> moves as after any run; later runs send only what changed.
      </p>
    </ConfirmDialog>
  );
}
