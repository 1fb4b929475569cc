import { useEffect, useEffectEvent, useSyncExternalStore } from "react";
import { type Schemas, tellSignedOut } from "./client";

/** What each topic tells, as docs/reference/events.md has it. */
export interface Topics {
  runs: Schemas["RunShown"];
  [run: `run/${string}`]: Schemas["RunShown"];
  syncs: {
    generation: number;
    syncs: Record<string, { enabled: boolean | null; next_due: string | null; overruns: number }>;
  };
  calls: Schemas["KeptCallShown"];
  alerts: {
    id: number;
    channel: string;
    sync: string;
    trouble: string;
    recovered: boolean;
    run: string | null;
    text: string;
    at: string;
  };
  status: { live_runs: number; runs_here: number };
}

export type Topic = keyof Topics & string;
export type Filter = Readonly<Record<string, string>>;
/** `connecting` is the first time; `lost` is every later one. `off`: this person may not listen. */
export type LiveState = "connecting" | "live" | "lost" | "off";

interface Listener {
  filter: Filter | null;
  hear: (data: never) => void;
  missed: (count: number) => void;
  begun: () => void;
}

const ADDRESS = "/api/v1/events";
const FIRST_WAIT = 400;
const LONGEST_WAIT = 10_000;
const PING_EVERY = 25_000;
const PONG_WITHIN = 10_000;

/**
 * One WebSocket for the whole tab. It comes back by itself with growing pauses, subscribes anew, and then says so:
 * what happened meanwhile has to be read again.
 */
class Live {
  #socket: WebSocket | null = null;
  #state: LiveState = "connecting";
  #wanted = false;
  #failures = 0;
  #everOpen = false;
  #waiting = 0;
  #pinging = 0;
  #topics = new Map<string, Set<Listener>>();
  #watchers = new Set<() => void>();
  #stale: () => void = () => {};

  /** Connect and stay connected. `stale` is called when messages may have been lost. */
  start(stale: () => void): () => void {
    this.#wanted = true;
    this.#stale = stale;
    this.#open();
    const now = () => document.visibilityState === "visible" && this.#hurry();
    addEventListener("online", now);
    document.addEventListener("visibilitychange", now);
    return () => {
      removeEventListener("online", now);
      document.removeEventListener("visibilitychange", now);
      this.#wanted = false;
      this.#everOpen = false;
      this.#close();
    };
  }

  listen(topic: string, listener: Listener): () => void {
    const there = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, there.add(listener));
    this.#subscribe([topic]);
    return () => {
      there.delete(listener);
      if (there.size === 0) {
        this.#topics.delete(topic);
        this.#say({ unsubscribe: [topic] });
      }
    };
  }

  readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  readonly state = (): LiveState => this.#state;

  #open(): void {
    clearTimeout(this.#waiting);
    if (this.#socket !== null) return;
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + ADDRESS);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#heard(JSON.parse(String(event.data)));
    socket.onclose = (event) => socket === this.#socket && this.#closed(event.code);
  }

  #opened(): void {
    if (this.#everOpen) this.#stale();
    this.#everOpen = true;
    this.#failures = 0;
    this.#become("live");
    this.#subscribe([...this.#topics.keys()]);
    this.#pinging = window.setInterval(() => this.#ping(), PING_EVERY);
  }

  #closed(code: number): void {
    this.#close();
    if (code === 4401) tellSignedOut();
    if (code === 4403) this.#become("off");
    if (code === 4401 || code === 4403 || !this.#wanted) return;
    this.#become(this.#everOpen ? "lost" : "connecting");
    const pause = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures++);
    // Chance keeps a hundred tabs from coming back in the same moment.
    this.#waiting = window.setTimeout(() => this.#open(), pause * (0.75 + Math.random() / 2));
  }

  #close(): void {
    clearTimeout(this.#waiting);
    clearInterval(this.#pinging);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** Somebody looks again, or the network is back: no reason to wait any longer. */
  #hurry(): void {
    if (this.#wanted && this.#socket === null && this.#state !== "off") this.#open();
  }

  /** A laptop that slept keeps a socket that looks open and is not. */
  #ping(): void {
    this.#say({ ping: 1 });
    const socket = this.#socket;
    const late = window.setTimeout(() => socket === this.#socket && this.#closed(1006), PONG_WITHIN);
    socket?.addEventListener("message", () => clearTimeout(late), { once: true });
  }

  #heard(message: { topic?: string; data?: never; missed?: number; subscribed?: string }): void {
    if (message.subscribed !== undefined) {
      for (const listener of this.#topics.get(message.subscribed) ?? []) listener.begun();
      return;
    }
    if (message.topic === undefined) {
      if (message.missed) this.#stale();
      return;
    }
    for (const listener of this.#topics.get(message.topic) ?? []) {
      if (message.missed !== undefined) listener.missed(message.missed);
      else listener.hear(message.data as never);
    }
  }

  #subscribe(topics: string[]): void {
    const subscribe = topics.map((topic) => {
      const filter = [...(this.#topics.get(topic) ?? [])].at(-1)?.filter;
      return filter ? { topic, filter } : { topic };
    });
    if (subscribe.length > 0) this.#say({ subscribe });
  }

  #say(message: unknown): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #become(state: LiveState): void {
    this.#state = state;
    for (const watcher of this.#watchers) watcher();
  }
}

export const live = new Live();

export function useLiveState(): LiveState {
  return useSyncExternalStore(live.watch, live.state);
}

/**
 * Hear what happens in a topic while the component is there. `null` as the topic hears nothing. Only `calls` has a
 * filter. `missed` is told how many messages came too fast to be shown; `begun` comes when from here on nothing is left
 * out, again after a reconnect: what came before it was heard under another filter.
 */
export function useTopic<T extends Topic>(
  topic: T | null,
  filter: Filter | null,
  hear: (data: Topics[T]) => void,
  missed: (count: number) => void = () => {},
  begun: () => void = () => {},
): void {
  const heard = useEffectEvent(hear);
  const left = useEffectEvent(missed);
  const begins = useEffectEvent(begun);
  const key = JSON.stringify(filter);
  useEffect(() => {
    if (topic === null) return;
    return live.listen(topic, {
      filter: JSON.parse(key) as Filter | null,
      hear: (data) => heard(data),
      missed: (count) => left(count),
      begun: () => begins(),
    });
  }, [topic, key]);
}
