import type { ReactNode } from "react";
import type { Schemas } from "../../../api/client";
import { type FailureGroup, type FailureSample, useFailureSample } from "../../../api/queries-failures";
import type { Run } from "../../../api/queries-runs";
import { Json } from "../../../ui/Json";
import { count, Time } from "../../../ui/numbers";
import { Loaded } from "../../../ui/states";

/** One of the rows that failed for a reason: its values, its call, what was asked and what was answered. */
export function Sample({ run, reason }: { run: Run; reason: FailureGroup }) {
  return (
    <div className="sample">
      <Loaded query={useFailureSample(run.id, reason)}>
        {(sample) =>
          sample === null ? (
            <p className="muted">None of these rows is kept.</p>
          ) : (
            <Shown {...sample} at={reason.destination} />
          )
        }
      </Loaded>
    </div>
  );
}

function Shown({ row, call, at }: FailureSample & { at: string | null }) {
  return (
    <>
      <Part title={`Row ${count(row.row)}`}>
        <Json value={row.values} />
      </Part>
      {call?.call && (
        <Part title="Call">
          <Json value={call.call} />
        </Part>
      )}
      <Exchange answer={at === null ? undefined : call?.answers[at]} />
    </>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="sample-part">
      <h4>{title}</h4>
      {children}
    </section>
  );
}

/** The request without its secrets, and the answer to it. Nothing where the call was not kept, or nothing went out. */
function Exchange({ answer }: { answer: Schemas["KeptAnswer"] | undefined }) {
  if (answer === undefined || (answer.request === "" && answer.text === "")) return null;
  return (
    <>
      {answer.request !== "" && (
        <Part title="Request">
          <code className="sample-text">{answer.request}</code>
        </Part>
      )}
      <Part title="Answer">
        <p className="muted">
          {answer.status === null ? "No answer came" : `Status ${answer.status}`}
          {answer.at !== null && (
            <>
              {" · "}
              <Time at={answer.at} />
            </>
          )}
        </p>
        {answer.text !== "" && <code className="sample-text">{answer.text}</code>}
      </Part>
    </>
  );
}
