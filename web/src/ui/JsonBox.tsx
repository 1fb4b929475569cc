import { useState } from "react";
import { CopyButton } from "./CopyField";
import { Json } from "./Json";
import { count } from "./numbers";
import { plain } from "./Value";

/** Characters from which a value is folded: some 60 lines. */
const LONG = 2_500;
/** Characters that are drawn at all; the rest is there to copy. */
const MOST = 200_000;

/** A JSON value, or text that is none, in a box to read and to copy; a long one is folded. */
export function JsonBox({ label, value }: { label: string; value: unknown }) {
  const [whole, setWhole] = useState(false);
  const text = plain(value, 2);
  const long = text.length > LONG;
  const folded = long && !whole;
  return (
    <div className="json-box">
      <section
        className={folded ? "json-box-body folded" : "json-box-body"}
        aria-label={label}
        // What scrolls must be reachable by the keyboard.
        {...(folded && { tabIndex: 0 })}
      >
        {typeof value === "string" || text.length > MOST ? (
          <pre className="json">
            <bdi>{text.slice(0, MOST)}</bdi>
          </pre>
        ) : (
          <Json value={value} />
        )}
      </section>
      <span className="json-box-copy">
        <CopyButton value={text} label={`Copy ${label}`} />
      </span>
      {long && (
        <button
          type="button"
          className="fold-button link"
          aria-expanded={whole}
          onClick={() => setWhole(!whole)}
        >
          {whole ? "Show less" : `Show all ${count(text.length)} characters`}
        </button>
      )}
    </div>
  );
}
