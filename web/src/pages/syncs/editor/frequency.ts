/** A schedule as the fields of its form. What a schedule means only the API knows; this is how one is written. */
export type Frequency =
  | { kind: "every"; count: string; unit: Unit }
  | { kind: "daily"; time: string; zone: string }
  | { kind: "cron"; line: string; zone: string }
  | { kind: "after"; sync: string }
  | { kind: "manual" };

export const UNITS = ["minutes", "hours", "days"] as const;
export type Unit = (typeof UNITS)[number];

export const KINDS: readonly { value: Frequency["kind"]; label: string }[] = [
  { value: "every", label: "At an interval" },
  { value: "daily", label: "Every day at a time" },
  { value: "cron", label: "By a cron line" },
  { value: "after", label: "After another sync" },
  { value: "manual", label: "Only by hand" },
];

/** The words under `schedule`. */
export function written(frequency: Frequency): string {
  switch (frequency.kind) {
    case "every":
      return `every ${frequency.count} ${frequency.unit}`;
    case "daily":
      return `every day at ${frequency.time} ${frequency.zone}`;
    case "cron":
      return `cron ${frequency.line} ${frequency.zone}`.trim();
    case "after":
      return `after ${frequency.sync}`.trim();
    case "manual":
      return "manual";
  }
}

const EVERY = /^every (?:(\S+) )?(minute|hour|day)s?$/i;
const DAILY = /^every day at (\S+)(?: (\S+))?$/i;
const AFTER = /^after ?(.*)$/i;
const CRON = /^(?:cron )?(.*?)(?: ([A-Za-z]\S*))?$/i;

/** The fields of a schedule. Any words that nothing else knows are shown as a line to be edited. */
export function read(text: string): Frequency {
  const words = text.trim().replace(/\s+/g, " ");
  if (words === "" || words.toLowerCase() === "manual") return { kind: "manual" };
  const daily = DAILY.exec(words);
  if (daily) return { kind: "daily", time: (daily[1] ?? "").padStart(5, "0"), zone: daily[2] ?? "UTC" };
  const every = EVERY.exec(words);
  if (every) return { kind: "every", count: every[1] ?? "1", unit: `${every[2]?.toLowerCase()}s` as Unit };
  const after = AFTER.exec(words);
  if (after) return { kind: "after", sync: after[1] ?? "" };
  const cron = CRON.exec(words);
  return { kind: "cron", line: cron?.[1] ?? words, zone: cron?.[2] ?? "UTC" };
}

/** What a kind begins with. */
export function begun(kind: Frequency["kind"], zone: string): Frequency {
  switch (kind) {
    case "every":
      return { kind, count: "15", unit: "minutes" };
    case "daily":
      return { kind, time: "06:00", zone };
    case "cron":
      return { kind, line: "0 6 * * 1-5", zone };
    case "after":
      return { kind, sync: "" };
    case "manual":
      return { kind };
  }
}

/** Whether it is due by the clock, so that a first moment means something. */
export function isTimed({ kind }: Frequency): boolean {
  return kind !== "after" && kind !== "manual";
}
