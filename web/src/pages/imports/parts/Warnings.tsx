import { Note } from "../../../ui/states";

/** What a run remarked that stopped nothing. */
export function Warnings({ warnings }: { warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <section aria-labelledby="run-warnings">
      <div className="section-head">
        <h3 id="run-warnings">Warnings</h3>
      </div>
      <Note tone="warn">
        <ul className="note-list">
          {warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      </Note>
    </section>
  );
}
