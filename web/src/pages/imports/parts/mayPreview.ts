import { useMay } from "../../../api/queries-session";
import { useStatus } from "../../../api/queries-status";

/** Whether values of rows may be asked for: by this person, and in this service at all. */
export function useMayPreview(): boolean {
  const may = useMay("preview");
  const service = useStatus().data?.preview ?? true;
  return may && service;
}
