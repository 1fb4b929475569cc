import { useState } from "react";
import { CopyButton } from "./CopyField";
import { Json } from "./Json";
import { count } from "./numbers";

/** Characters that are shown of a long value until somebody asks for the rest. */
const SHOWN = 400;

/**
 * One value of a row, whatever is in it: text is only ever text, a long one is folded, and one that is written from
 * right to left, or says that it is, turns nothing around it.
 */
export function Value({ value }: { value: unknown }) {
  const [whole, setWhole] = useState(false);
  if (value === "") return <span className="faint">empty text</span>;
  const long = plain(value).length > SHOWN;
  return (
    <div className="value">
      {long && !whole ? <bdi>{cut(plain(value))}…</bdi> : <Whole value={value} />}
      {long && (
        <button
          type="button"
          className="fold-button link"
          aria-expanded={whole}
          onClick={() => setWhole(!whole)}
        >
          {whole ? "Show less" : `Show all ${count(plain(value).length)} characters`}
        </button>
      )}
    </div>
  );
}

function Whole({ value }: { value: unknown }) {
  if (typeof value === "string") return <bdi>{value}</bdi>;
  return <Json value={value} />;
}

/** A list of names with their values: a row, a person's attributes, the properties of an event. */
export function Values({
  values,
  label,
  sorted = false,
}: {
  values: object;
  label: string;
  sorted?: boolean;
}) {
  const entries = Object.entries(values);
  if (sorted) entries.sort(([one], [other]) => one.localeCompare(other, "en"));
  return (
    <dl className="values" aria-label={label}>
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>
            <bdi>{name === "" ? "(no name)" : name}</bdi>
          </dt>
          <dd>
            <Value value={value} />
          </dd>
          <dd className="values-copy">
            <CopyButton value={plain(value)} label={`Copy ${name.slice(0, 80)}`} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A value as text to read or to copy: a string as it is, all else as JSON. */
export function plain(value: unknown, indent = 0): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, indent) ?? "null");
}

/** The beginning; never half of a character that takes two places. */
function cut(text: string): string {
  const end = text.slice(0, SHOWN);
  return /[\uD800-\uDBFF]$/.test(end) ? end.slice(0, -1) : end;
}
