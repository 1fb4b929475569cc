import { ActionIcon, Menu } from "@mantine/core";
import {
  IconClockEdit,
  IconDatabaseImport,
  IconDots,
  IconPencil,
  IconPlayerStop,
  IconRepeat,
  IconTrash,
} from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useMay } from "../../../api/queries-session";
import type { Sync } from "../../../api/queries-syncs";
import { paths } from "../../../paths";
import { CancelRun } from "./CancelRun";
import { DeleteSync } from "./DeleteSync";
import { LastSyncTime } from "./LastSyncTime";
import { RunFull } from "./RunFull";
import { isReceived } from "./RunNow";

type Dialog = "time" | "full" | "cancel" | "delete";

const icon = { size: 15, stroke: 1.7 };

/** What else can be done with a sync, as far as the person may. Each of these asks first. */
export function SyncMenu({ sync, onDeleted }: { sync: Sync; onDeleted?: () => void }) {
  const [open, setOpen] = useState<Dialog | null>(null);
  const operate = useMay("operate");
  const edit = useMay("edit");
  const managed = sync.origin === "file";
  const broken = sync.findings.length > 0;
  const close = () => setOpen(null);
  return (
    <>
      <Menu>
        <Menu.Target>
          <ActionIcon aria-label={`More for ${sync.name}`}>
            <IconDots {...icon} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            leftSection={<IconDatabaseImport {...icon} />}
            component={Link}
            to={paths.imports({ sync: sync.name })}
          >
            Imports
          </Menu.Item>
          {edit && !managed && (
            <Menu.Item
              leftSection={<IconPencil {...icon} />}
              component={Link}
              to={paths.sync(sync.name, "query")}
            >
              Edit
            </Menu.Item>
          )}
          {operate && sync.live_run && (
            <Menu.Item leftSection={<IconPlayerStop {...icon} />} onClick={() => setOpen("cancel")}>
              Cancel the run
            </Menu.Item>
          )}
          {operate && !broken && !isReceived(sync) && (
            <Menu.Item
              leftSection={<IconRepeat {...icon} />}
              disabled={sync.live_run !== null}
              onClick={() => setOpen("full")}
            >
              Run full once
            </Menu.Item>
          )}
          {operate && !broken && (
            <Menu.Item leftSection={<IconClockEdit {...icon} />} onClick={() => setOpen("time")}>
              Set last sync time
            </Menu.Item>
          )}
          {edit && !managed && (
            <>
              <Menu.Divider />
              <Menu.Item color="red" leftSection={<IconTrash {...icon} />} onClick={() => setOpen("delete")}>
                Delete
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      <LastSyncTime sync={sync} opened={open === "time"} onClose={close} />
      <RunFull sync={sync} opened={open === "full"} onClose={close} />
      <CancelRun sync={sync} opened={open === "cancel"} onClose={close} />
      <DeleteSync sync={sync} opened={open === "delete"} onClose={close} {...(onDeleted && { onDeleted })} />
    </>
  );
}
