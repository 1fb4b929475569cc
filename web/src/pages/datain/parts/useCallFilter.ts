import { useMemo } from "react";
import { useSearchParams } from "react-router";
import type { CallFilter, CallKind, Outcome } from "../../../api/queries-calls";
import { OUTCOME_OPTIONS } from "./outcome";

export const KINDS: readonly CallKind[] = ["identify", "track", "page", "screen", "group", "alias"];
const OUTCOMES = OUTCOME_OPTIONS.map((option) => option.value);

/** The filter that stands in the address. What is no kind and no outcome filters nothing. */
export function useCallFilter(): CallFilter {
  const [params] = useSearchParams();
  const text = (name: string) => params.get(name)?.trim() || undefined;
  const given = {
    source: text("source"),
    sync: text("sync"),
    run: text("run"),
    kind: KINDS.find((kind) => kind === params.get("kind")),
    outcome: OUTCOMES.find((outcome): outcome is Outcome => outcome === params.get("outcome")),
    text: text("q")?.slice(0, LONGEST_TEXT),
  };
  const key = JSON.stringify(given);
  return useMemo(() => JSON.parse(key) as CallFilter, [key]);
}

const LONGEST_TEXT = 200;
