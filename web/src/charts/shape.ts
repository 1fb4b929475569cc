import type { Bar } from "./bars";

/** Of one run's place in the drawing, in its own units. */
export const WIDTH = 20;
export const HEIGHT = 120;

const GAP = 3;
/** The least that is drawn of what is not nothing, and what is drawn of a run without rows. */
const LEAST = 2;
const STUB = 5;

/** From the bottom up. */
export const PARTS = [
  { key: "delivered", word: "Delivered", of: (bar: Bar) => bar.delivered },
  { key: "duplicate", word: "Duplicate", of: (bar: Bar) => bar.duplicate },
  { key: "failed", word: "Failed", of: (bar: Bar) => bar.invalid + bar.rejected },
  { key: "pending", word: "Pending", of: (bar: Bar) => bar.pending },
] as const;

interface Rect {
  className: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * The rectangles of one run. One that has no rows is a stub in the colour of its state, so that it can be seen.
 * `scale`: how many times lower than usual the drawing is shown.
 */
export function barParts(bar: Bar, slot: number, top: number, scale: number): Rect[] {
  const x = slot * WIDTH + GAP;
  const width = WIDTH - 2 * GAP;
  let y = HEIGHT;
  const drawn: Rect[] = [];
  for (const part of PARTS) {
    const rows = part.of(bar);
    if (rows === 0) continue;
    const height = Math.max(LEAST * scale, (HEIGHT * rows) / top);
    y -= height;
    drawn.push({ className: part.key, x, y, width, height });
  }
  if (drawn.length > 0) return drawn;
  const height = STUB * scale;
  return [{ className: bar.state, x, y: HEIGHT - height, width, height }];
}
