import type { ReactNode } from "react";

/** A row of figures: `<Kpis><Kpi label="Rows sent, 24 h" value={<Count value={n} />} /></Kpis>`. */
export function Kpis({ children }: { children: ReactNode }) {
  return <dl className="kpis">{children}</dl>;
}

export function Kpi({ label, value, note }: { label: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="kpi">
      <dt>{label}</dt>
      <dd>
        {value}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

/** Names and values, for details: `<Facts facts={[["Started", <Time at={run.started_at} />]]} />`. */
export function Facts({ facts }: { facts: readonly (readonly [label: string, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
