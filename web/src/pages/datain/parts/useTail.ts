import { useEffect, useEffectEvent, useRef, useState } from "react";
import { useTopic } from "../../../api/live";
import type { CallFilter, KeptCall } from "../../../api/queries-calls";

/** A call of the list; `live` where it came while the page was watching. */
export type ListedCall = KeptCall & { live?: true };

/** Calls that are kept in memory, and as many again while the list is paused. */
const ROOM = 500;
/** The list is drawn anew at most this often, however many calls come. */
const EVERY = 250;

interface Tail {
  /** The filter that they passed. */
  of: string;
  calls: readonly ListedCall[];
  /** What came while the list was paused, the newest first. */
  waiting: readonly ListedCall[];
  waited: number;
  /** Calls that were not shown, or not for long: there were too many. */
  left: number;
}

const empty = (of: string): Tail => ({ of, calls: [], waiting: [], waited: 0, left: 0 });

/** Calls as they arrive, the newest first. `begun` is told when the list before them has to be read. */
export function useTail(filter: CallFilter, paused: boolean, begun: () => void) {
  const of = JSON.stringify(filter);
  const [tail, setTail] = useState(() => empty(of));
  if (tail.of !== of) setTail(empty(of));

  const heard = useRef({ open: false, calls: [] as ListedCall[], missed: 0, timer: 0 });
  const take = useEffectEvent(() => {
    const { calls, missed } = heard.current;
    Object.assign(heard.current, { calls: [], missed: 0, timer: 0 });
    setTail((old) => (old.of === of ? taken(old, calls.reverse(), missed, paused) : old));
  });
  const soon = () => {
    heard.current.timer ||= window.setTimeout(() => take(), EVERY);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: another filter begins anew
  useEffect(() => {
    const now = heard.current;
    return () => {
      clearTimeout(now.timer);
      Object.assign(now, { open: false, calls: [], missed: 0, timer: 0 });
    };
  }, [of]);

  useTopic(
    "calls",
    filter as Record<string, string>,
    (call) => {
      if (!heard.current.open) return;
      heard.current.calls.push({ ...call, id: call.id || nextOwn(), live: true });
      soon();
    },
    (count) => {
      heard.current.missed += count;
      soon();
    },
    () => {
      heard.current.open = true;
      begun();
    },
  );
  return {
    ...tail,
    /** Show what came during the pause. */
    release: () => setTail((old) => shown({ ...old, waiting: [], waited: 0 }, old.waiting, old.waited)),
    /** The list was read again: nothing is left out any more. */
    whole: () => setTail((old) => ({ ...old, left: 0 })),
  };
}

// A call that is in no run yet has the id 0; here each gets one of its own, below those of the service.
let own = 0;
const nextOwn = () => --own;

function taken(tail: Tail, calls: readonly ListedCall[], missed: number, paused: boolean): Tail {
  const known = { ...tail, left: tail.left + missed };
  if (!paused) return shown(known, calls, calls.length);
  const waiting = merged(calls, tail.waiting).slice(0, ROOM);
  return { ...known, waiting, waited: tail.waited + calls.length + missed };
}

/** `came`: how many there were, of which `calls` are the newest. */
function shown(tail: Tail, calls: readonly ListedCall[], came: number): Tail {
  const all = merged(calls, tail.calls);
  const beyond = Math.max(0, all.length - ROOM) + Math.max(0, came - calls.length);
  return { ...tail, calls: all.slice(0, ROOM), left: tail.left + beyond };
}

/** The new before the old. A call that a run has taken up stands in the place of the same without one. */
function merged(calls: readonly ListedCall[], old: readonly ListedCall[]): ListedCall[] {
  const kept = messages(calls);
  return [...calls.filter((call) => !isTakenUp(call, kept)), ...old.filter((call) => !isTakenUp(call, kept))];
}

function messages(calls: readonly KeptCall[]): Set<string> {
  return new Set(calls.filter((call) => call.id > 0 && call.message_id !== "").map(nameOf));
}

function isTakenUp(call: KeptCall, kept: Set<string>): boolean {
  return call.id < 0 && kept.has(nameOf(call));
}

/** How the page calls a call that no run has yet: by where it came in, and its messageId. */
export function nameOf(call: KeptCall): string {
  return `${call.source}/${call.message_id}`;
}

/** One list of what arrived and what is kept: nothing twice, nothing out of its order. */
export function joined(tail: readonly ListedCall[], kept: readonly KeptCall[]): ListedCall[] {
  const newest = kept[0]?.id ?? 0;
  const taken = messages(kept);
  return [...tail.filter((call) => (call.id < 0 ? !isTakenUp(call, taken) : call.id > newest)), ...kept];
}
