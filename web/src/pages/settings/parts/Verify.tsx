import { Button } from "@mantine/core";
import { useVerifyAudit } from "../../../api/queries-settings";
import { CopyField } from "../../../ui/CopyField";
import { count } from "../../../ui/numbers";
import { ErrorBox, Note } from "../../../ui/states";

/** Whether the log is whole and unchanged, with what is to be noted elsewhere. */
export function Verify() {
  const verify = useVerifyAudit();
  const found = verify.data;
  return (
    <div className="section stack-v verify">
      <div className="row-h wrap">
        <Button loading={verify.isPending} onClick={() => verify.mutate()}>
          Verify
        </Button>
        <span className="muted">Each entry holds a hash over itself and the one before it.</span>
      </div>
      <div role="status">
        {found?.ok && (
          <div className="stack-v">
            <Note tone="ok">
              The log is whole and unchanged: {count(found.newest)} entries. Note the newest number and hash
              elsewhere now and then: whoever rewrites the whole log cannot keep them.
            </Note>
            <CopyField label={`hash of entry ${found.newest}`} value={found.hash} />
          </div>
        )}
        {found?.ok === false && (
          <Note tone="bad">
            The log is broken: entry {count(found.broken ?? 0)} was changed, or is missing. Somebody wrote to
            the database past the service: find out who can, and compare with a backup.
          </Note>
        )}
      </div>
      <ErrorBox error={verify.error} />
    </div>
  );
}
