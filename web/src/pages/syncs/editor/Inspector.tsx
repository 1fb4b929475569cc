import type { PreviewRequest, PreviewRow } from "../../../api/queries-previews";
import { Chip, Tag } from "../../../ui/Chip";
import { CopyButton } from "../../../ui/CopyField";
import { Json } from "../../../ui/Json";
import { Note } from "../../../ui/states";
import { JsonText } from "./JsonText";

/** One row: its call, or why there is none; and per destination the very requests that would go. */
export function Inspector({ row, call }: { row: PreviewRow; call: string }) {
  const places = [
    ...new Set([...Object.keys(row.requests), ...Object.keys(row.bodies), ...Object.keys(row.refusals)]),
  ];
  return (
    <section className="inspect" aria-label={`Row ${row.row}`}>
      <header className="inspect-head">
        <h3>Row {row.row}</h3>
        {row.call ? <Tag>{call}</Tag> : <Chip tone="bad">Invalid</Chip>}
        <span className="push" />
        {row.call && <CopyButton label="Copy the call" value={JSON.stringify(row.call, null, 2)} />}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <section className="inspect-body" tabIndex={0} aria-label={`Call of row ${row.row}`}>
        {row.errors.map((error) => (
          <Note key={error.code + error.message} tone="bad">
            {error.message} <code>{error.code}</code>
            {error.column !== null && (
              <>
                {" "}
                in column <code>{error.column}</code>
              </>
            )}
          </Note>
        ))}
        <Json value={row.call ?? row.values} />
        {places.map((name) => (
          <Place key={name} name={name} row={row} />
        ))}
      </section>
    </section>
  );
}

function Place({ name, row }: { name: string; row: PreviewRow }) {
  const refusal = row.refusals[name];
  const requests = row.requests[name] ?? [];
  const bodies = Object.entries(row.bodies[name] ?? {});
  return (
    <details className="place" open>
      <summary>
        To <b>{name}</b>
        {refusal ? (
          <Chip tone="bad">Refused</Chip>
        ) : (
          <span className="faint num">
            {requests.length > 0
              ? `${requests.length} ${requests.length === 1 ? "request" : "requests"}`
              : "not over HTTP"}
          </span>
        )}
      </summary>
      {refusal && (
        <Note tone="bad">
          {refusal.message} <code>{refusal.code}</code>
        </Note>
      )}
      {requests.map((request, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: requests have nothing but their order
        <Request key={at} request={request} />
      ))}
      {requests.length === 0 && bodies.map(([lane, body]) => <JsonText key={lane} text={body} />)}
    </details>
  );
}

function Request({ request: { method, url, headers, body } }: { request: PreviewRequest }) {
  return (
    <div className="request">
      <p className="request-line mono">
        <b>{method}</b> {url}
      </p>
      <dl className="request-heads mono">
        {Object.entries(headers).map(([name, value]) => (
          <div key={name}>
            <dt>{name}:</dt> <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <JsonText text={body} />
    </div>
  );
}
