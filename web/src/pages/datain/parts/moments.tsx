const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium", hour12: false });
const dated = new Intl.DateTimeFormat("en", {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});
const full = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });

/** A moment to the second: of calls that come one after the other, minutes say too little. */
export function Second({ at }: { at: string }) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return (
    <time className="num" dateTime={at} title={full.format(date)}>
      {(today ? clock : dated).format(date)}
    </time>
  );
}
