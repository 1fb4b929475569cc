import { IconBell, IconCircleCheck } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { Link } from "react-router";
import { type Alert, useAlerts } from "../../../api/queries-overview";
import type { Attention as Trouble } from "../../../api/queries-status";
import { paths } from "../../../paths";
import { Chip, type Tone } from "../../../ui/Chip";
import { Time } from "../../../ui/numbers";

const TROUBLES: Record<string, [Tone, string]> = {
  broken: ["bad", "Broken"],
  failed: ["bad", "Failed"],
  late: ["bad", "Late"],
  partial: ["warn", "With errors"],
  overrun: ["warn", "Overruns"],
  empty: ["warn", "No rows"],
};

const LISTED = 5;

/** Syncs that somebody should look at, the gravest first, and who was told of it. */
export function Attention({ items }: { items: readonly Trouble[] }) {
  const alerts = useAlerts().data;
  const all = useMemo(() => withAlerts(items, alerts ?? []), [items, alerts]);
  const [whole, setWhole] = useState(false);
  if (all.length === 0) {
    return (
      <div className="section all-well">
        <IconCircleCheck size={18} stroke={1.7} aria-hidden />
        <h2>Nothing needs attention</h2>
      </div>
    );
  }
  return (
    <section className="section" aria-labelledby="attention">
      <div className="section-head">
        <h2 id="attention">Needs attention</h2>
        <span className="faint num">{all.length}</span>
      </div>
      <ul className="troubles">
        {(whole ? all : all.slice(0, LISTED)).map((one) => (
          <Item key={`${one.sync} ${one.trouble}`} {...one} />
        ))}
      </ul>
      {all.length > LISTED && (
        <button type="button" className="link plain" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? "Show fewer" : `Show all ${all.length}`}
        </button>
      )}
    </section>
  );
}

interface Told extends Trouble {
  /** The channels that were told. */
  channels: readonly string[];
}

/** Each trouble with the channels that know of it; and what only channels were told, such as runs without rows. */
function withAlerts(items: readonly Trouble[], alerts: readonly Alert[]): Told[] {
  const same = (one: Alert, item: Trouble) => one.sync === item.sync && one.trouble === item.trouble;
  const known = items.map((item) => ({
    ...item,
    channels: alerts.filter((one) => same(one, item)).map(({ channel }) => channel),
  }));
  const others = new Map<string, Told>();
  for (const one of alerts) {
    if (items.some((item) => same(one, item))) continue;
    const key = `${one.sync} ${one.trouble}`;
    const { sync, trouble, since, run } = one;
    const channels = [...(others.get(key)?.channels ?? []), one.channel];
    others.set(key, { sync, trouble, since, run, channels, message: WORDS[trouble] ?? "" });
  }
  return [...known, ...others.values()];
}

const WORDS: Record<string, string> = {
  failed: "A run failed.",
  partial: "Some rows were not delivered.",
  empty: "Its runs bring no rows any more.",
  late: "It was due and did not run.",
};

function Item({ sync, trouble, message, since, run, channels }: Told) {
  const [tone, word] = TROUBLES[trouble] ?? (["warn", trouble] as const);
  return (
    <li>
      <Chip tone={tone}>{word}</Chip>
      <div className="trouble-text">
        <Link className="strong" to={run ? paths.imports({ sync, run }) : paths.sync(sync)}>
          {sync}
        </Link>
        <p className="muted">{message}</p>
      </div>
      {channels.length > 0 && (
        <span className="faint told" title={`Told: ${channels.join(", ")}`}>
          <IconBell size={14} stroke={1.7} aria-hidden />
          <span className="sr">Told: </span>
          <span className="clip">{channels.join(", ")}</span>
        </span>
      )}
      <span className="faint trouble-since">
        <Time at={since} relative />
      </span>
    </li>
  );
}
