import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import type { Draft } from "../../../ui/draft";

/** What there is to know about unsaved changes: they came back, or somebody else saved meanwhile. */
export function DraftNotes({
  draft,
  compare,
}: {
  draft: Pick<Draft<unknown>, "restored" | "stale" | "discard">;
  compare?: () => void;
}) {
  if (draft.stale && compare) {
    return (
      <Bar tone="warn" action="Compare" act={compare}>
        Somebody saved this sync since your editing began.
      </Bar>
    );
  }
  if (!draft.restored) return null;
  return (
    <Bar tone="quiet" action="Throw them away" act={draft.discard}>
      Unsaved changes from before are back.
    </Bar>
  );
}

interface BarProps {
  tone: "warn" | "quiet";
  action: string;
  act: () => void;
  children: ReactNode;
}

function Bar({ tone, action, act, children }: BarProps) {
  return (
    <div className={`draft-bar ${tone}`} role="status">
      <span>{children}</span>
      <Button size="compact-xs" onClick={act}>
        {action}
      </Button>
    </div>
  );
}
