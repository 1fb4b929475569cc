import { useDebouncedValue } from "@mantine/hooks";
import { useScheduleHelp } from "../../../api/queries-previews";
import { Time } from "../../../ui/numbers";

/** What the API understands of a schedule, and the next times; or what is wrong. `error` is said instead. */
export function ScheduleHelp({
  text,
  start,
  error,
}: {
  text: string;
  start: string | null;
  error?: string | undefined;
}) {
  const [asked] = useDebouncedValue(text, 200);
  const help = useScheduleHelp(asked, start).data;
  const wrong = error ?? help?.error;
  return (
    <p className={`schedule-help ${wrong ? "bad" : "m-help"}`} aria-live="polite">
      {wrong ?? (help && <Meaning words={help.words ?? ""} due={help.due} />) ?? " "}
    </p>
  );
}

function Meaning({ words, due }: { words: string; due: readonly string[] }) {
  return (
    <>
      Runs <b>{words}</b>
      {due.length > 0 && ". Next: "}
      {due.slice(0, 3).map((at, place) => (
        <span key={at}>
          {place > 0 && " · "}
          <Time at={at} />
        </span>
      ))}
    </>
  );
}
