import { Button } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { Brand } from "../../ui/Brand";
import { ErrorBox } from "../../ui/states";

interface GateProps {
  title: string;
  lead?: ReactNode;
  children: ReactNode;
}

/** The sheet of the pages before anybody is signed in. */
export function Gate({ title, lead, children }: GateProps) {
  return (
    <main className="gate">
      <title>{`${title} · Headrace`}</title>
      <div className="gate-sheet">
        <div className="brand">
          <Brand />
        </div>
        <h1>{title}</h1>
        {lead && <p className="muted">{lead}</p>}
        {children}
      </div>
    </main>
  );
}

interface GateFormProps {
  action: string;
  busy: boolean;
  error: unknown;
  /** Findings are shown at the fields. */
  findings?: boolean;
  onSubmit: () => void;
  children: ReactNode;
}

export function GateForm({ action, busy, error, findings = true, onSubmit, children }: GateFormProps) {
  function submit(event: FormEvent) {
    event.preventDefault();
    onSubmit();
  }
  return (
    <form onSubmit={submit}>
      {children}
      <ErrorBox error={error} findings={findings} />
      <Button type="submit" variant="filled" fullWidth loading={busy}>
        {action}
      </Button>
    </form>
  );
}
