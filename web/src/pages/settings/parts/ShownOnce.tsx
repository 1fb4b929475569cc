import type { ReactNode } from "react";
import { CopyField } from "../../../ui/CopyField";
import { Note } from "../../../ui/states";

interface ShownProps {
  label: string;
  value: string;
  /** Whom it is for, and how to use it. */
  children: ReactNode;
}

/** A secret that is shown this once: copy it now. */
export function ShownOnce({ label, value, children }: ShownProps) {
  return (
    <div className="stack-v">
      <Note tone="ok">Copy it now: it is shown this once, and kept only as a hash.</Note>
      <CopyField label={label} value={value} />
      <div className="muted">{children}</div>
    </div>
  );
}
