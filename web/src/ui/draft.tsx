import { Button, Modal } from "@mantine/core";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useBlocker } from "react-router";

const PREFIX = "headrace.draft.";
const PAUSE = 250;

interface Kept<T> {
  value: T;
  /** What was saved when the editing began. */
  base: string;
}

export interface Draft<T> {
  value: T;
  set: (next: T | ((old: T) => T)) => void;
  /** Whether it differs from what is saved. */
  dirty: boolean;
  /** It was found in the browser, from before a reload or an earlier visit. */
  restored: boolean;
  /** What is saved has changed since the editing began: somebody else was here. */
  stale: boolean;
  /** Back to what is saved. */
  discard: () => void;
  /** It was saved: forget the draft, without a question when the page is left next. */
  done: () => void;
}

interface Options<T> {
  /** What may be kept in the browser; leave out secrets: `(d) => withoutSecrets(fields, d)`. */
  keep?: (value: T) => T;
}

/**
 * Unsaved changes that outlive a reload, a crash of the browser and a restart of the service. `key` names the thing:
 * `sync/people`, `sync/+new`. Mount it below the query: `saved` is there from the beginning.
 */
export function useDraft<T>(key: string, saved: T, { keep = same }: Options<T> = {}): Draft<T> {
  const [found] = useState(() => load<T>(key));
  const [value, setValue] = useState<T>(found ? found.value : saved);
  const [base, setBase] = useState(found?.base ?? JSON.stringify(saved));
  const now = JSON.stringify(saved);
  const text = JSON.stringify(value);
  const dirty = text !== base && text !== now;

  const unkept = useRef<Kept<T> | null>(null); // what a timer will keep

  useEffect(() => {
    unkept.current = null;
    if (!dirty) return store(key, null);
    const kept = { value: keep(JSON.parse(text) as T), base };
    unkept.current = kept;
    const leave = () => {
      store(key, kept);
      unkept.current = null;
    };
    const timer = setTimeout(leave, PAUSE);
    addEventListener("pagehide", leave);
    return () => {
      clearTimeout(timer);
      removeEventListener("pagehide", leave);
    };
  }, [key, text, base, dirty, keep]);
  // Whoever leaves right after the last key leaves before the timer.
  useEffect(() => {
    return () => {
      if (unkept.current !== null) store(key, unkept.current);
    };
  }, [key]);

  const forget = useCallback(
    (to: T) => {
      unkept.current = null;
      store(key, null);
      setValue(to);
      setBase(JSON.stringify(to));
    },
    [key],
  );
  // Nobody edits: what is saved is followed.
  useEffect(() => {
    if (!dirty && base !== now) forget(JSON.parse(now) as T);
  }, [dirty, base, now, forget]);
  useWarning(dirty && JSON.stringify(keep(value)) !== text);

  return useMemo(
    () => ({
      value,
      set: setValue,
      dirty,
      restored: found !== null && dirty,
      stale: dirty && base !== now,
      discard: () => forget(JSON.parse(now) as T),
      done: () => forget(value),
    }),
    [value, dirty, found, base, now, forget],
  );
}

const same = <T,>(value: T): T => value;

/** The browser's own question, only for what a reload would lose. */
function useWarning(on: boolean): void {
  useEffect(() => {
    if (!on) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [on]);
}

/** Asks before a page with changes is left for another one. */
export function DraftGuard({ draft }: { draft: Pick<Draft<unknown>, "dirty" | "discard"> }) {
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) => draft.dirty && currentLocation.pathname !== nextLocation.pathname,
  );
  const blocked = blocker.state === "blocked";
  return (
    <Modal
      opened={blocked}
      onClose={() => blocker.reset?.()}
      title="There are unsaved changes"
      lockScroll={false}
    >
      <div className="stack-v">
        <p className="muted">They stay in this browser: open the page again, and they are there.</p>
        <div className="row-h wrap">
          <Button
            variant="subtle"
            onClick={() => {
              draft.discard();
              blocker.proceed?.();
            }}
          >
            Throw them away
          </Button>
          <span className="push" />
          <Button onClick={() => blocker.reset?.()}>Stay here</Button>
          <Button variant="filled" data-autofocus onClick={() => blocker.proceed?.()}>
            Leave, keep them
          </Button>
        </div>
      </div>
    </Modal>
  );
}

function load<T>(key: string): Kept<T> | null {
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? null : (JSON.parse(text) as Kept<T>);
  } catch {
    return null;
  }
}

function store(key: string, kept: Kept<unknown> | null): void {
  try {
    if (kept === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(kept));
  } catch {
    // The browser keeps nothing for us: changes last as long as the page.
  }
}
