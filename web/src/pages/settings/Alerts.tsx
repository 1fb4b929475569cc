import { useLiveAlerts, useOpenAlerts } from "../../api/queries-alerts";
import { Channels } from "./parts/Channels";
import { Notices } from "./parts/Notices";
import { OpenAlerts } from "./parts/OpenAlerts";

/** What is wrong now, who is told, and what they were told. */
export function Alerts() {
  useLiveAlerts();
  const open = useOpenAlerts();
  return (
    <>
      <OpenAlerts open={open} />
      <Channels />
      <Notices />
    </>
  );
}
