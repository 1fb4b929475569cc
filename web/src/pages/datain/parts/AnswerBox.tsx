import { Link } from "react-router";
import type { Answer } from "../../../api/queries-calls";
import { paths } from "../../../paths";
import { CopyField } from "../../../ui/CopyField";
import { JsonBox } from "../../../ui/JsonBox";
import { Second } from "./moments";
import { OutcomeChip } from "./outcome";

/** What became of a call at one destination: the request that carried it, and the answer. */
export function AnswerBox({ destination, answer }: { destination: string; answer: Answer }) {
  return (
    <article className="answer" aria-label={destination}>
      <header className="row-h">
        <Link className="strong link" to={paths.destination(destination)}>
          {destination}
        </Link>
        <OutcomeChip outcome={answer.outcome} />
        <span className="push faint">{answer.at && <Second at={answer.at} />}</span>
      </header>
      {answer.reason && (
        <p className={answer.outcome === "delivered" ? "answer-reason muted" : "answer-reason bad"}>
          <bdi>{answer.reason}</bdi>
        </p>
      )}
      {answer.request && <CopyField label={`request to ${destination}`} value={answer.request} />}
      {(answer.status !== null || answer.text) && (
        <div>
          <p className="answer-status">
            {answer.status === null ? (
              <span className="bad">No answer</span>
            ) : (
              <>
                Answered{" "}
                <span className={answer.status < 400 ? "num strong" : "num strong bad"}>{answer.status}</span>
              </>
            )}
          </p>
          {answer.text && <JsonBox label={`answer of ${destination}`} value={parsed(answer.text)} />}
        </div>
      )}
      {!answer.request && !answer.reason && answer.status === null && (
        <p className="faint">{SILENT[answer.outcome] ?? "Nothing went over HTTP."}</p>
      )}
    </article>
  );
}

const SILENT: Partial<Record<Answer["outcome"], string>> = {
  duplicate: "A call with this messageId was delivered before: it was not sent again.",
  pending: "Not settled yet.",
};

/** Answers are mostly JSON; the start of a long one is text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
