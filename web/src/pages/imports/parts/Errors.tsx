import { IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { isLive } from "../../../api/live-cache";
import { type FailureGroup, useFailureGroups } from "../../../api/queries-failures";
import type { Run } from "../../../api/queries-runs";
import { Count } from "../../../ui/numbers";
import { Loaded, Note } from "../../../ui/states";
import { useParam } from "../../../ui/url";
import { FailedRows } from "./FailedRows";
import { useMayPreview } from "./mayPreview";
import { Sample } from "./Sample";

/** Why rows failed, the most frequent reason first; each unfolds to a row with what went out and what came back. */
export function Errors({ run }: { run: Run }) {
  const groups = useFailureGroups(run.id, isLive(run));
  const may = useMayPreview();
  return (
    <section aria-labelledby="run-errors">
      <div className="section-head">
        <h3 id="run-errors">Errors</h3>
      </div>
      <Loaded query={groups}>
        {(found) => (
          <>
            <ul className="reasons">
              {found.map((group) => (
                <Reason key={keyOf(group)} run={run} group={group} may={may} />
              ))}
            </ul>
            {!may && (
              <Note>
                You see how many rows failed and why. Values of rows are for people who may look at data.
              </Note>
            )}
            {may && found.length > 0 && <AllRows run={run} />}
          </>
        )}
      </Loaded>
    </section>
  );
}

/** Names of destinations have no colon; codes may. */
function keyOf({ destination, code }: FailureGroup): string {
  return `${destination ?? ""}:${code}`;
}

function Reason({ run, group, may }: { run: Run; group: FailureGroup; may: boolean }) {
  const [open, setOpen] = useParam("reason", "replace");
  const mine = open === keyOf(group);
  const text = (
    <>
      <span className="reason-rows">
        <Count value={group.rows} bad /> <span className="faint">{group.rows === 1 ? "row" : "rows"}</span>
      </span>
      <span className="reason-why">
        <span className="strong">{group.message ?? <code>{group.code}</code>}</span>
        <span className="reason-where faint">
          {group.destination ?? "Became no call"}
          {group.message !== null && (
            <>
              {" · "}
              <code>{group.code}</code>
            </>
          )}
          {group.column !== null && (
            <>
              {" · column "}
              <code>{group.column}</code>
            </>
          )}
        </span>
      </span>
    </>
  );
  if (!may) {
    return (
      <li>
        <div className="reason">{text}</div>
      </li>
    );
  }
  return (
    <li>
      <button
        type="button"
        className="reason"
        aria-expanded={mine}
        onClick={() => setOpen(mine ? null : keyOf(group))}
      >
        <IconChevronRight className="reason-mark" size={15} stroke={1.7} aria-hidden />
        {text}
      </button>
      {mine && <Sample run={run} reason={group} />}
    </li>
  );
}

function AllRows({ run }: { run: Run }) {
  const [shown, setShown] = useState(false);
  return (
    <details className="fold" onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>All failed rows</summary>
      {shown && <FailedRows run={run} />}
    </details>
  );
}
