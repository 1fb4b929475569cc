import { Select, TextInput } from "@mantine/core";
import { moment } from "../../../ui/numbers";
import { useParam } from "../../../ui/url";
import { isoOf, localOf } from "./StartField";

const FIRST = "0";
const OWN = "own";

/** The value of `last_sync_time` that a preview runs with, from `?from=`: 0, the sync's own, or a moment. */
export function usePreviewTime(standsAt: number): number {
  const [from] = useParam("from", "replace");
  if (from === OWN) return standsAt;
  const seconds = Number(from ?? FIRST);
  return Number.isSafeInteger(seconds) && seconds >= 0 ? seconds : 0;
}

/** Which value that is to be. */
export function PreviewTime({ standsAt }: { standsAt: number }) {
  const [from, setFrom] = useParam("from", "replace");
  const seconds = usePreviewTime(standsAt);
  const choice = from === null || from === FIRST ? FIRST : from === OWN ? OWN : "date";
  const own = standsAt > 0 ? [{ value: OWN, label: `${moment(standsAt * 1_000)} · where it stands` }] : [];
  const choose = (next: string | null) =>
    setFrom(
      next === "date" ? String(Math.floor(Date.now() / 60_000 - 1_440) * 60) : next === OWN ? OWN : null,
    );
  return (
    <div className="preview-time">
      <span className="mono muted wide-only" id="preview-time">
        last_sync_time
      </span>
      <Select
        aria-label="Value of last_sync_time in the preview"
        data={[{ value: FIRST, label: "0 · first run" }, ...own, { value: "date", label: "A date" }]}
        value={choice}
        onChange={choose}
      />
      {choice === "date" && (
        <TextInput
          type="datetime-local"
          aria-label="Date of last_sync_time in the preview"
          value={localOf(new Date(seconds * 1_000).toISOString())}
          onChange={({ currentTarget }) => {
            if (currentTarget.value)
              setFrom(String(Math.floor(Date.parse(isoOf(currentTarget.value)) / 1_000)));
          }}
        />
      )}
    </div>
  );
}
