import { useDeleteSync, useSync } from "../../../api/queries-syncs";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import { notify } from "../../../ui/notify";
import { Loaded, Note } from "../../../ui/states";
import type { SyncDialogProps } from "./RunFull";

interface DeleteSyncProps extends SyncDialogProps {
  /** After it is gone: the page of a sync goes elsewhere. */
  onDeleted?: () => void;
}

/** Asks for the name before a sync is deleted, and says what still uses it. */
export function DeleteSync({ sync, opened, onClose, onDeleted }: DeleteSyncProps) {
  const found = useSync(opened ? sync.name : undefined);
  const remove = useDeleteSync();
  const users = found.data?.value.used_by ?? [];
  const etag = found.data?.etag;
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={`Delete the sync ${sync.name}?`}
      action="Delete sync"
      typeName={sync.name}
      disabled={etag === undefined || users.length > 0}
      onConfirm={async () => {
        await remove.mutateAsync({ name: sync.name, etag: etag ?? "" });
        notify.ok(`Sync ${sync.name} is deleted.`);
        onDeleted?.();
      }}
    >
      <Loaded query={found}>
        {() =>
          users.length > 0 ? (
            <Note tone="warn">
              <p>It is used, and cannot be deleted before these are changed:</p>
              <ul className="note-list">
                {users.map((user) => (
                  <li key={user}>{user}</li>
                ))}
              </ul>
            </Note>
          ) : (
            <p>
              Its query and schedule are gone, and so is its <code>last_sync_time</code>. What it delivered
              stays delivered, and its imports stay in the list. To pause it, disable it instead.
            </p>
          )
        }
      </Loaded>
    </ConfirmDialog>
  );
}
