import { SegmentedControl, TextInput } from "@mantine/core";

interface StartFieldProps {
  /** ISO 8601; null: at once. */
  value: string | null;
  onChange: (value: string | null) => void;
  error?: string | undefined;
  disabled: boolean;
}

const DAY = 86_400_000;
const CHOICES = [
  { value: "now", label: "When enabled" },
  { value: "later", label: "On a date" },
];

/** The first moment at which a sync may be due. */
export function StartField({ value, onChange, error, disabled }: StartFieldProps) {
  return (
    <div className="stack-s">
      <div>
        <div className="m-label" id="start-label">
          Start
        </div>
        <SegmentedControl
          aria-labelledby="start-label"
          data={CHOICES}
          disabled={disabled}
          value={value === null ? "now" : "later"}
          onChange={(choice) => onChange(choice === "now" ? null : new Date(tomorrow()).toISOString())}
        />
      </div>
      {value !== null && (
        <TextInput
          className="start-date"
          label="Start date"
          description={`Nothing is due before. Your time: ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`}
          type="datetime-local"
          disabled={disabled}
          error={error}
          value={localOf(value)}
          onChange={({ currentTarget }) => onChange(currentTarget.value ? isoOf(currentTarget.value) : value)}
        />
      )}
    </div>
  );
}

/** The next full hour, a day from now. */
function tomorrow(): number {
  const hour = 3_600_000;
  return Math.ceil((Date.now() + DAY) / hour) * hour;
}

/** As a `datetime-local` field wants it: the viewer's clock, without a zone. */
export function localOf(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function isoOf(local: string): string {
  return new Date(local).toISOString();
}
