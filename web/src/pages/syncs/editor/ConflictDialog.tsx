import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import type { Sync } from "../../../api/queries-syncs";
import { Time } from "../../../ui/numbers";
import { ErrorBox } from "../../../ui/states";
import { Differences } from "./Differences";
import type { SyncForm } from "./form";

interface ConflictDialogProps {
  opened: boolean;
  onClose: () => void;
  sync: Sync;
  mine: SyncForm;
  takeTheirs: () => void;
  keepMine: () => Promise<unknown>;
}

/** Somebody else saved the sync meanwhile: shows both, and lets the person choose. */
export function ConflictDialog({ opened, onClose, sync, mine, takeTheirs, keepMine }: ConflictDialogProps) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  async function keep() {
    setBusy(true);
    try {
      await keepMine();
      onClose();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Somebody else saved this sync"
      size={860}
      lockScroll={false}
    >
      <div className="stack-v">
        <p className="muted">
          {author(sync.updated_by)} saved it <Time at={sync.updated_at} relative />, after your editing began.
          Nothing is lost yet: this is how your draft differs from it.
        </p>
        <Differences before={sync.definition} after={mine.definition} names={["Saved", "Yours"]} />
        <ErrorBox error={error} />
        <div className="row-h wrap">
          <Button
            variant="subtle"
            onClick={() => {
              takeTheirs();
              onClose();
            }}
          >
            Take what is saved
          </Button>
          <span className="push" />
          <Button onClick={onClose}>Go on editing</Button>
          <Button variant="filled" loading={busy} onClick={() => void keep()}>
            Save mine over it
          </Button>
        </div>
      </div>
    </Modal>
  );
}

/** `user:ada@example.com` → ada@example.com. */
export function author(by: string): string {
  return by.replace(/^(user|token|cli):/, "") || "Somebody";
}
