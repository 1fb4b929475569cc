import { useCancelRun } from "../../../api/queries-runs";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import type { SyncDialogProps } from "./RunFull";

/** Asks before the run that is going on is stopped. */
export function CancelRun({ sync, opened, onClose }: SyncDialogProps) {
  const cancel = useCancelRun();
  const run = sync.live_run;
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={`Cancel the run of ${sync.name}?`}
      action="Cancel run"
      disabled={run === null}
      onConfirm={async () => run && cancel.mutateAsync(run.id)}
    >
      {run === null ? (
        "It ended meanwhile."
      ) : (
        <>
          It stops as soon as the requests that are on their way are answered. What was delivered stays
          delivered; <code>last_sync_time</code> does not move, so the next run reads the same rows again.
        </>
      )}
    </ConfirmDialog>
  );
}
