import { IconLock } from "@tabler/icons-react";
import { EmptyState } from "../../../ui/states";

/** Somebody followed a link to what they may not do. */
export function NotForYou() {
  return (
    <EmptyState icon={IconLock} title="Only owners add destinations">
      Ask an owner of this service to add it, or to make you one.
    </EmptyState>
  );
}
