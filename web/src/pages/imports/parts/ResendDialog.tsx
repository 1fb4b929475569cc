import { Checkbox } from "@mantine/core";
import { useState } from "react";
import { type Run, useResend } from "../../../api/queries-runs";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import { notify } from "../../../ui/notify";
import { Count } from "../../../ui/numbers";
import { useParam } from "../../../ui/url";

interface ResendDialogProps {
  run: Run;
  opened: boolean;
  onClose: () => void;
}

/** Asks to which destinations the failed rows go again; then shows the run that brings them. */
export function ResendDialog({ run, opened, onClose }: ResendDialogProps) {
  const failed = Object.entries(run.destinations).flatMap(([name, { invalid, rejected }]) =>
    invalid + rejected > 0 ? [{ name, rows: invalid + rejected }] : [],
  );
  const [chosen, setChosen] = useState(failed.map(({ name }) => name));
  const [, open] = useParam("run");
  const resend = useResend();

  async function send() {
    const every = chosen.length === failed.length;
    const made = await resend.mutateAsync({ id: run.id, destinations: every ? null : chosen });
    notify.ok(`Failed rows of ${run.sync} are sent again.`);
    open(made.id);
  }

  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title="Resend failed rows"
      action="Resend"
      danger={false}
      onConfirm={send}
      disabled={chosen.length === 0}
    >
      <p>
        The failed rows go out again with the values that they had, in a new import. The query does not run,
        and <code>last_sync_time</code> does not move.
      </p>
      <Checkbox.Group label="To" value={chosen} onChange={setChosen} mt={14}>
        <div className="resend-to">
          {failed.map(({ name, rows }) => (
            <Checkbox
              key={name}
              value={name}
              label={
                <>
                  {name}{" "}
                  <span className="faint">
                    · <Count value={rows} /> rows
                  </span>
                </>
              }
            />
          ))}
        </div>
      </Checkbox.Group>
    </ConfirmDialog>
  );
}
