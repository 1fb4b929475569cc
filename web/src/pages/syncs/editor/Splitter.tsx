import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef, useState } from "react";

interface SplitProps {
  /** Names the bar, and what is remembered of it. */
  label: string;
  /** `rows`: one above the other. */
  direction: "rows" | "columns";
  /** Share of the first part in percent, where nothing is remembered. */
  initial: number;
  first: ReactNode;
  second: ReactNode;
  /** Shows one part alone. */
  only?: "first" | "second" | undefined;
}

const LEAST = 15;
const STEP = 5;

/** Two parts with a bar between them that moves by mouse, touch and arrow keys. On phones they stand in a column. */
export function Split({ label, direction, initial, first, second, only }: SplitProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [share, setShare] = useShare(`headrace.split.${label}`, initial);
  const across = direction === "columns";

  function drag(event: PointerEvent) {
    const box = frame.current?.getBoundingClientRect();
    if (box === undefined || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const at = across ? (event.clientX - box.left) / box.width : (event.clientY - box.top) / box.height;
    setShare(at * 100);
  }
  function press(event: KeyboardEvent) {
    const [less, more] = across ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    if (event.key !== less && event.key !== more) return;
    event.preventDefault();
    setShare(share + (event.key === more ? STEP : -STEP));
  }

  if (only === "first") return <div className={`split ${direction} alone`}>{first}</div>;
  if (only === "second") return <div className={`split ${direction} alone`}>{second}</div>;
  return (
    <div
      className={`split ${direction}`}
      ref={frame}
      style={{ "--share": `${share}%` } as Record<string, string>}
    >
      {first}
      {/* biome-ignore lint/a11y/useSemanticElements: a rule cannot be moved */}
      <div
        className="split-bar"
        role="separator"
        tabIndex={0}
        aria-label={label}
        aria-orientation={across ? "vertical" : "horizontal"}
        aria-valuenow={Math.round(share)}
        aria-valuemin={LEAST}
        aria-valuemax={100 - LEAST}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={drag}
        onDoubleClick={() => setShare(initial)}
        onKeyDown={press}
      />
      {second}
    </div>
  );
}

function useShare(key: string, initial: number): [number, (share: number) => void] {
  const [share, setShare] = useState(() => bounded(Number(localStorage.getItem(key)) || initial));
  return [
    share,
    (next) => {
      setShare(bounded(next));
      localStorage.setItem(key, String(Math.round(bounded(next))));
    },
  ];
}

function bounded(share: number): number {
  return Math.min(100 - LEAST, Math.max(LEAST, share));
}
