import { useCallback, useEffect, useRef, useState } from "react";
import { ApiProblem } from "../../../api/client";
import type { Definition } from "../../../api/queries-connections";
import { mapRows, type PreviewShown, runQuery } from "../../../api/queries-previews";
import { previewed, textOf } from "./form";

export interface Preview {
  shown: PreviewShown | null;
  error: unknown;
  /** The database is asked. */
  running: boolean;
  /** Milliseconds that it took. */
  took: number;
  /** The query is not any more the one whose rows are shown. */
  outdated: boolean;
  run: () => void;
  stop: () => void;
}

interface Shown {
  preview: PreviewShown;
  took: number;
  /** What the rows were read with, and what they were mapped with. */
  read: string;
  mapped: string;
}

interface Asked {
  definition: Definition;
  /** Of a sync that may only be looked at: its saved query runs. */
  saved: string | null;
  lastSyncTime: number;
}

const PAUSE = 150;
// The API judges what is not saved under a name of its own.
const NAMELESS = "syncs.unsaved-preview.";

/** Run Query, and the same rows mapped anew whenever what they become was changed. */
export function usePreview({ definition, saved, lastSyncTime }: Asked): Preview {
  const [shown, setShown] = useState<Shown | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [running, setRunning] = useState(false);
  const flight = useRef<AbortController>(null);
  const asked = previewed(definition);
  const mapping = JSON.stringify(asked);
  const reading = JSON.stringify([textOf(definition, "query"), textOf(definition, "source"), lastSyncTime]);

  const fly = useCallback(async (read: (signal: AbortSignal) => Promise<Shown>) => {
    flight.current?.abort();
    const mine = new AbortController();
    flight.current = mine;
    setError(null);
    try {
      const found = await read(mine.signal);
      if (flight.current === mine) setShown(found);
    } catch (failure) {
      if (flight.current === mine && !mine.signal.aborted) setError(named(failure));
    } finally {
      if (flight.current === mine) setRunning(false);
    }
  }, []);

  const run = () => {
    setRunning(true);
    const begun = performance.now();
    const what = saved === null ? { definition: asked } : { name: saved };
    void fly(async (signal) => {
      const preview = await runQuery(what, lastSyncTime, signal);
      return { preview, took: performance.now() - begun, read: reading, mapped: mapping };
    });
  };
  const stop = () => {
    flight.current?.abort();
    setRunning(false);
  };

  // The query itself is not mapped: while it is written, nothing is asked.
  const wanted = mapped(mapping);
  const remap = saved === null && !running && shown !== null && mapped(shown.mapped) !== wanted;
  useEffect(() => {
    if (!remap) return;
    const timer = setTimeout(() => {
      void fly(async (signal) => {
        const preview = await mapRows(shown.preview.id, JSON.parse(mapping) as Definition, signal);
        return { ...shown, preview, mapped: mapping };
      });
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [remap, shown, mapping, fly]);
  useEffect(() => () => flight.current?.abort(), []);

  return {
    shown: shown?.preview ?? null,
    took: shown?.took ?? 0,
    error,
    running,
    outdated: shown !== null && shown.read !== reading,
    run,
    stop,
  };
}

function mapped(mapping: string): string {
  const { query: _, source: __, ...rest } = JSON.parse(mapping) as Definition;
  return JSON.stringify(rest);
}

/** Findings with the names of their fields alone. */
function named(error: unknown): unknown {
  if (!(error instanceof ApiProblem)) return error;
  const findings = error.findings.map((one) => ({ ...one, where: one.where.replace(NAMELESS, "") }));
  const { status, code, message, run, line, column } = error;
  return new ApiProblem(status, code, message, findings, run, line, column);
}
