import type { Notice } from "../../../api/queries-alerts";
import { Chip } from "../../../ui/Chip";
import { TROUBLES } from "./channels";

/** The word for a trouble, or that it is over. */
export function TroubleChip({ trouble, over = false }: { trouble: Notice["trouble"]; over?: boolean }) {
  const word = TROUBLES.find(({ value }) => value === trouble)?.label ?? trouble;
  if (over) return <Chip tone="ok">{word}: over</Chip>;
  return <Chip tone={trouble === "failed" ? "bad" : "warn"}>{word}</Chip>;
}
