import { changesOf, type Line } from "./diff";

type Told = Record<string, unknown> | null;

/** What was and what is, key by key: taken away with −, added with +. */
export function Changes({ before, after }: { before: Told; after: Told }) {
  const changes = changesOf(before, after);
  if (changes.length === 0)
    return <p className="muted">The entry tells no values: the action says it all.</p>;
  return (
    <div className="changes">
      {changes.map(({ key, lines }) => (
        <div key={key} className="change">
          <h3>{key}</h3>
          <pre>
            {lines.map((line, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing but their place
              <Shown key={at} line={line} />
            ))}
          </pre>
        </div>
      ))}
    </div>
  );
}

function Shown({ line: { kind, text } }: { line: Line }) {
  if (kind === "same") return <span>{`  ${text}`}</span>;
  return kind === "old" ? <del>{`− ${text}`}</del> : <ins>{`+ ${text}`}</ins>;
}
