import type { KeptCall, Outcome } from "../../../api/queries-calls";
import { Chip, type Tone } from "../../../ui/Chip";

/** From the gravest on; what to say of each. */
const OUTCOMES: Record<Outcome, [Tone, string]> = {
  rejected: ["bad", "Rejected"],
  invalid: ["bad", "Invalid"],
  pending: ["live", "Pending"],
  duplicate: ["quiet", "Duplicate"],
  delivered: ["ok", "Delivered"],
};

const GRAVEST_FIRST = Object.keys(OUTCOMES) as Outcome[];

export const OUTCOME_OPTIONS = GRAVEST_FIRST.toReversed().map((value) => ({
  value,
  label: OUTCOMES[value][1],
}));

export function OutcomeChip({ outcome }: { outcome: Outcome }) {
  const [tone, word] = OUTCOMES[outcome];
  return <Chip tone={tone}>{word}</Chip>;
}

/** What became of a call: the gravest outcome, and at how many of its destinations. */
export function CallOutcome({ call }: { call: KeptCall }) {
  const outcomes = Object.values(call.answers).map((answer) => answer.outcome);
  const gravest = GRAVEST_FIRST.find((outcome) => outcomes.includes(outcome));
  if (call.call === null) return <OutcomeChip outcome="invalid" />;
  if (gravest === undefined) return <Chip tone="quiet">{call.run === null ? "Received" : "Not sent"}</Chip>;
  const same = outcomes.filter((outcome) => outcome === gravest).length;
  return (
    <span className="row-h">
      <OutcomeChip outcome={gravest} />
      {outcomes.length > 1 && (
        <span className="num faint">
          {same} of {outcomes.length}
        </span>
      )}
    </span>
  );
}
