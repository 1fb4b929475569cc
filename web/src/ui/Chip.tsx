import type { ReactNode } from "react";
import type { Run, RunState } from "../api/queries-runs";
import type { Sync } from "../api/queries-syncs";

export type Tone = "ok" | "warn" | "bad" | "live" | "quiet";

/** A word with its colour. `pulse` for the one thing on the page that is going on. */
export function Chip({
  tone,
  pulse = false,
  children,
}: {
  tone: Tone;
  pulse?: boolean;
  children: ReactNode;
}) {
  return <span className={`chip ${tone}${pulse ? " pulse" : ""}`}>{children}</span>;
}

const RUN: Record<RunState, [Tone, string]> = {
  queued: ["live", "Queued"],
  extracting: ["live", "Extracting"],
  delivering: ["live", "Delivering"],
  succeeded: ["ok", "Succeeded"],
  partial: ["warn", "With errors"],
  failed: ["bad", "Failed"],
  cancelled: ["quiet", "Cancelled"],
  skipped: ["quiet", "Skipped"],
};

/** The word for a run's state; also for filters. */
export function stateWord(state: RunState): string {
  return RUN[state][1];
}

/** The state of a run. */
export function StateChip({ state }: { state: RunState }) {
  const [tone, word] = RUN[state];
  return (
    <Chip tone={tone} pulse={tone === "live" && state !== "queued"}>
      {word}
    </Chip>
  );
}

/** How a sync stands: broken, running, as its last run ended, or off. */
export function SyncChip({ sync }: { sync: Sync }) {
  if (sync.findings.length > 0) return <Chip tone="bad">Broken</Chip>;
  const run: Run | null = sync.live_run ?? sync.last_run;
  if (sync.live_run) return <StateChip state={sync.live_run.state} />;
  if (!sync.enabled) return <Chip tone="quiet">Disabled</Chip>;
  return run ? <StateChip state={run.state} /> : <Chip tone="quiet">No runs yet</Chip>;
}

/** A technical word: a call kind, a type. */
export function Tag({ children }: { children: ReactNode }) {
  return <span className="tag">{children}</span>;
}

/** Said of what a configuration file defines: it is shown here, and edited there. */
export function Managed({ place }: { place: string }) {
  return (
    <span className="tag managed" title={`Edit it at ${place}; the service reads the file again on SIGHUP.`}>
      managed in {place.replace(/:\d+$/, "")}
    </span>
  );
}
