import { IconCheck } from "@tabler/icons-react";

/** How far one has come on the way to rows that flow. */
export function Steps({ at, last }: { at: number; last: string }) {
  return (
    <ol className="way" aria-label="Steps">
      {["Choose", "Connect", last].map((label, index) => {
        const number = index + 1;
        const done = number < at;
        return (
          <li
            key={label}
            className={done ? "done" : undefined}
            aria-current={number === at ? "step" : undefined}
          >
            <span className="way-dot" aria-hidden>
              {done ? <IconCheck size={12} stroke={2.4} /> : number}
            </span>
            {label}
            {done && <span className="sr">done</span>}
          </li>
        );
      })}
    </ol>
  );
}
