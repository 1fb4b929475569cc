import { Switch } from "@mantine/core";
import { useMay } from "../../../api/queries-session";
import { type Sync, useSetEnabled } from "../../../api/queries-syncs";
import { notify } from "../../../ui/notify";

/** Lets the sync run when it is due, or rest. Those who may not switch it see how it stands. */
export function SyncSwitch({ sync }: { sync: Sync }) {
  const operate = useMay("operate");
  const { mutate } = useSetEnabled();
  return (
    <Switch
      aria-label={`Enable ${sync.name}`}
      checked={sync.enabled}
      disabled={!operate || sync.findings.length > 0}
      onChange={(event) =>
        mutate({ name: sync.name, enabled: event.currentTarget.checked }, { onError: notify.problem })
      }
    />
  );
}
