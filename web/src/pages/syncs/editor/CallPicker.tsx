import type { CallKind } from "../../../api/queries-previews";

export const CALLS: readonly { kind: CallKind; does: string }[] = [
  { kind: "identify", does: "Create people, or update their attributes" },
  { kind: "track", does: "Record events that people perform" },
  { kind: "page", does: "Record views of web pages" },
  { kind: "screen", does: "Record views of mobile screens" },
  { kind: "group", does: "Create or update companies and other objects, and who belongs to them" },
  { kind: "alias", does: "Join two identities of one person" },
];

interface CallPickerProps {
  value: string;
  onChange: (kind: CallKind) => void;
  error?: string | undefined;
  disabled: boolean;
}

/** What each row becomes. */
export function CallPicker({ value, onChange, error, disabled }: CallPickerProps) {
  return (
    <fieldset className="calls" disabled={disabled} aria-describedby={error ? "call-error" : undefined}>
      <legend className="m-label">Type of call</legend>
      {CALLS.map(({ kind, does }) => (
        <label key={kind} className="call-kind">
          <input
            type="radio"
            name="call"
            value={kind}
            checked={kind === value}
            onChange={() => onChange(kind)}
          />
          <b className="mono">{kind}</b>
          <small>{does}</small>
        </label>
      ))}
      {error && (
        <p className="m-error bad" id="call-error">
          {error}
        </p>
      )}
    </fieldset>
  );
}
