import { IconDeviceMobile } from "@tabler/icons-react";
import type { Device } from "../../../api/queries-workspaces";
import { Tag } from "../../../ui/Chip";
import { CopyField } from "../../../ui/CopyField";
import { Time } from "../../../ui/numbers";
import { EmptyState } from "../../../ui/states";
import { Values } from "../../../ui/Value";

/** Where a person can be reached by push message. */
export function Devices({ devices }: { devices: readonly Device[] }) {
  if (devices.length === 0) {
    return (
      <EmptyState icon={IconDeviceMobile} title="No devices">
        Devices come of the event “Device Created or Updated” with the device's token in its context.
      </EmptyState>
    );
  }
  return (
    <ul className="devices" aria-label="Devices">
      {devices.map((device) => (
        <li key={device.token} className="section stack-v">
          <div className="row-h">
            {device.platform && <Tag>{device.platform}</Tag>}
            <span className="push faint">
              Updated <Time at={device.updated_at} relative />
            </span>
          </div>
          <CopyField label="token" value={device.token} />
          {Object.keys(device.attributes).length > 0 && (
            <Values label="Attributes" values={device.attributes} sorted />
          )}
        </li>
      ))}
    </ul>
  );
}
