import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { type Sync, useRunSync } from "../../../api/queries-syncs";
import { notify } from "../../../ui/notify";

/** Starts a run. Nothing is offered where nothing can be started: one runs, or the sync has no query. */
export function RunNow({ sync, icon = false }: { sync: Sync; icon?: boolean }) {
  const run = useRunSync();
  if (isReceived(sync) || sync.findings.length > 0) return null;
  const busy = run.isPending || sync.live_run !== null;
  const start = () =>
    run.mutate(
      { name: sync.name },
      { onSuccess: () => notify.ok(`Sync ${sync.name} was started.`), onError: notify.problem },
    );
  if (!icon) {
    return (
      <Button
        variant="filled"
        leftSection={<IconPlayerPlay size={14} stroke={1.7} />}
        disabled={busy}
        onClick={start}
      >
        Run now
      </Button>
    );
  }
  return (
    <Tooltip label="Run now">
      <ActionIcon aria-label={`Run ${sync.name} now`} disabled={busy} onClick={start}>
        <IconPlayerPlay size={15} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}

/** Programs send its calls: there is no query, and each call names its own kind. */
export function isReceived(sync: Sync): boolean {
  return sync.call === null && sync.findings.length === 0;
}
