import { Button } from "@mantine/core";
import type { Setting } from "../../../api/queries-settings";
import { Managed } from "../../../ui/Chip";

interface OriginProps {
  setting: Setting;
  /** Whether the form says a value. */
  here: boolean;
  reset: () => void;
}

/** Where the value of a setting comes from, in words. */
export function Origin({ setting: { origin, place, name }, here, reset }: OriginProps) {
  return (
    <div className="setting-origin">
      {origin === "file" ? (
        <Managed place={place} />
      ) : here ? (
        <>
          Set in this page
          <Button variant="subtle" aria-label={`Use the default of ${name}`} onClick={reset}>
            Use the default
          </Button>
        </>
      ) : (
        "The default"
      )}
    </div>
  );
}
