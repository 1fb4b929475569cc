import type { ReactNode } from "react";

interface PartProps {
  title: string;
  /** What it is for, in a sentence or two. */
  lead?: ReactNode;
  /** The button at the right of the title. */
  action?: ReactNode;
  children: ReactNode;
  /** Tables go from edge to edge. */
  wide?: boolean;
}

/** One part of a settings page: a heading, what it is for, and what there is. */
export function Part({ title, lead, action, children, wide = false }: PartProps) {
  return (
    <section className="part" aria-label={title}>
      <header className="part-head">
        <div>
          <h2>{title}</h2>
          {lead && <p className="muted">{lead}</p>}
        </div>
        {action}
      </header>
      <div className={wide ? "part-wide" : "part-body"}>{children}</div>
    </section>
  );
}
