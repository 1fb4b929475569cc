import "./charts.css";
import { type KeyboardEvent, useRef, useState } from "react";
import { Link } from "react-router";
import { stateWord } from "../ui/Chip";
import { count, countShort, moment } from "../ui/numbers";
import { type Bar, SLOTS, ticks } from "./bars";
import { barParts, HEIGHT, PARTS, WIDTH } from "./shape";

interface RunsBarProps {
  /** Says to screen readers what runs these are. */
  label: string;
  /** The newest last. */
  bars: readonly Bar[];
  /** The address that opens a run. */
  to: (id: string) => string;
  /** Without axis and legend: one of many. */
  compact?: boolean;
}

/** What became of the rows of the last 50 runs. One stop for the keyboard, arrows inside; a bar opens its run. */
export function RunsBar({ label, bars, to, compact = false }: RunsBarProps) {
  const shown = bars.slice(-SLOTS);
  const lines = ticks(Math.max(0, ...shown.map(height)), compact ? 1 : 4);
  return (
    <figure className={compact ? "runs-bar compact" : "runs-bar"} aria-label={label}>
      <div className="runs-plot">
        {!compact && <Axis lines={lines} />}
        <div className="runs-area">
          <Drawing bars={shown} lines={lines} scale={compact ? 2 : 1} />
          <Hits bars={shown} to={to} />
        </div>
      </div>
      <Table label={label} bars={shown} />
    </figure>
  );
}

/** What the colours say. */
export function RunsLegend() {
  return (
    <ul className="legend" aria-hidden>
      {PARTS.map(({ key, word }) => (
        <li key={key} className={key}>
          {word}
        </li>
      ))}
    </ul>
  );
}

function height(bar: Bar): number {
  return PARTS.reduce((sum, part) => sum + part.of(bar), 0);
}

function Axis({ lines }: { lines: readonly number[] }) {
  const top = lines.at(-1) ?? 1;
  return (
    <div className="runs-axis" aria-hidden>
      {lines.map((line) => (
        <span key={line} style={{ bottom: `${(100 * line) / top}%` }}>
          {countShort(line)}
        </span>
      ))}
    </div>
  );
}

/** Text would be stretched with it: labels and links lie over the drawing as HTML. */
function Drawing({ bars, lines, scale }: { bars: readonly Bar[]; lines: readonly number[]; scale: number }) {
  const top = lines.at(-1) ?? 1;
  return (
    <svg viewBox={`0 0 ${WIDTH * SLOTS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {lines.map((line) => {
        const y = HEIGHT - (HEIGHT * line) / top;
        return <line key={line} className="grid" x1={0} x2={WIDTH * SLOTS} y1={y} y2={y} />;
      })}
      {bars.map((bar, at) =>
        barParts(bar, SLOTS - bars.length + at, top, scale).map((part) => (
          <rect key={`${bar.id} ${part.className}`} {...part} />
        )),
      )}
    </svg>
  );
}

function Hits({ bars, to }: { bars: readonly Bar[]; to: (id: string) => string }) {
  const list = useRef<HTMLUListElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const stop = at !== null && at < bars.length ? at : bars.length - 1;
  const shown = at === null ? undefined : bars[at];

  function move(event: KeyboardEvent) {
    const next = { ArrowLeft: stop - 1, ArrowRight: stop + 1, Home: 0, End: bars.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    list.current?.querySelectorAll("a")[Math.max(0, Math.min(bars.length - 1, next))]?.focus();
  }

  return (
    <>
      <ul ref={list} className="runs-hits" onKeyDown={move} onMouseLeave={() => setAt(null)}>
        {bars.map((bar, index) => (
          <li key={bar.id} style={slot(bars, index)}>
            <Link
              to={to(bar.id)}
              preventScrollReset
              tabIndex={index === stop ? 0 : -1}
              aria-label={said(bar)}
              onMouseEnter={() => setAt(index)}
              onFocus={() => setAt(index)}
              onBlur={() => setAt(null)}
            />
          </li>
        ))}
      </ul>
      {shown && at !== null && <Told bar={shown} place={(SLOTS - bars.length + at + 0.5) / SLOTS} />}
    </>
  );
}

function slot(bars: readonly Bar[], index: number) {
  return { left: `${(100 * (SLOTS - bars.length + index)) / SLOTS}%`, width: `${100 / SLOTS}%` };
}

function said(bar: Bar): string {
  const parts = PARTS.filter((part) => part.of(bar) > 0).map(
    (part) => `${count(part.of(bar))} ${part.word.toLowerCase()}`,
  );
  return [bar.sync, moment(bar.created_at), stateWord(bar.state), ...parts].join(", ");
}

/** The figures of the bar under the pointer. Its link says the same to screen readers. */
function Told({ bar, place }: { bar: Bar; place: number }) {
  return (
    <div
      className="runs-told"
      style={{ left: `${100 * place}%`, translate: `${-100 * place}% 0` }}
      aria-hidden
    >
      <b>{bar.sync}</b> {moment(bar.created_at)} · {stateWord(bar.state)}
      {PARTS.filter((part) => part.of(bar) > 0).map((part) => (
        <span key={part.key} className={`legend-item ${part.key}`}>
          {count(part.of(bar))} {part.word.toLowerCase()}
        </span>
      ))}
    </div>
  );
}

function Table({ label, bars }: { label: string; bars: readonly Bar[] }) {
  return (
    <div className="sr">
      <table>
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">State</th>
            {PARTS.map(({ key, word }) => (
              <th key={key} scope="col">
                {word}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar.id}>
              <th scope="row">
                {bar.sync}, {moment(bar.created_at)}
              </th>
              <td>{stateWord(bar.state)}</td>
              {PARTS.map(({ key, of }) => (
                <td key={key}>{count(of(bar))}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
