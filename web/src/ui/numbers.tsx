import { useEffect, useState } from "react";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const full = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });
const year = new Intl.DateTimeFormat("en", { year: "numeric", month: "short", day: "numeric" });

export function count(value: number): string {
  return whole.format(value);
}

/** 12,400 → 12.4K; for axes and small places. */
export function countShort(value: number): string {
  return short.format(value);
}

/** A whole number with thousands; `bad` colours it unless it is zero. */
export function Count({ value, bad = false }: { value: number; bad?: boolean }) {
  const tone = value === 0 ? " faint" : bad ? " bad strong" : "";
  return <span className={`num${tone}`}>{count(value)}</span>;
}

export function seconds(value: number): string {
  if (value < 60) return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} m ${Math.round(value % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}

/** How long from one moment to another; to now, counting, while there is no end. */
export function Duration({ from, to }: { from: string | null; to: string | null }) {
  const now = useNow(from !== null && to === null ? 1_000 : null);
  if (from === null) return <span className="faint">–</span>;
  const end = to === null ? now : Date.parse(to);
  return <span className="num">{seconds(Math.max(0, (end - Date.parse(from)) / 1_000))}</span>;
}

/** A moment in the viewer's zone: today 14:05, Nov 23, 14:05, Nov 23, 2024. */
export function moment(at: string | number | Date, now = Date.now()): string {
  const date = new Date(at);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return clock.format(date);
  if (date.getFullYear() === today.getFullYear()) return `${day.format(date)}, ${clock.format(date)}`;
  return year.format(date);
}

const STEPS: [number, string][] = [
  [60, "s"],
  [60, "m"],
  [24, "h"],
  [7, "d"],
];

/** 3 m ago, in 2 h; the date when it is more than a week away. */
export function relative(at: string | number | Date, now = Date.now()): string {
  const ahead = (new Date(at).getTime() - now) / 1_000;
  let size = Math.abs(ahead);
  if (size < 5) return "now";
  for (const [length, unit] of STEPS) {
    if (size < length) {
      const text = `${Math.floor(size)} ${unit}`;
      return ahead < 0 ? `${text} ago` : `in ${text}`;
    }
    size /= length;
  }
  return moment(at, now);
}

/** A moment; the whole date with its zone is its title. `relative` counts along. */
export function Time({ at, relative: counts = false }: { at: string | null; relative?: boolean }) {
  const now = useNow(counts && at !== null ? 10_000 : null);
  if (at === null) return <span className="faint">–</span>;
  return (
    <time className="num" dateTime={at} title={full.format(new Date(at))}>
      {counts ? relative(at, now) : moment(at)}
    </time>
  );
}

/** The time, anew every so often; null keeps it still. */
export function useNow(every: number | null): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (every === null) return;
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
