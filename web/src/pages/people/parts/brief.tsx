import { Json } from "../../../ui/Json";

const NAMES = 8;
const LONGEST = 60;

/** The beginning of some attributes, on one line. */
export function Brief({ values }: { values: Record<string, unknown> }) {
  const some = Object.entries(values).slice(0, NAMES);
  if (some.length === 0) return <span className="faint">none</span>;
  return (
    <div className="brief">
      <Json line value={Object.fromEntries(some.map(([name, value]) => [cut(name), shortened(value)]))} />
    </div>
  );
}

function shortened(value: unknown): unknown {
  if (typeof value === "string") return cut(value);
  if (Array.isArray(value)) return value.length > 0 ? ["…"] : value;
  return value !== null && typeof value === "object" ? { "…": Object.keys(value).length } : value;
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
