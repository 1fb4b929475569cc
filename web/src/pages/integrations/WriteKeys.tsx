import { Button, TextInput } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import {
  useCreateWriteKey,
  useDeleteWriteKey,
  useWriteKeys,
  type WriteKey,
} from "../../api/queries-write-keys";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { CopyField } from "../../ui/CopyField";
import { type Column, DataTable } from "../../ui/DataTable";
import { fieldErrors } from "../../ui/fieldErrors";
import { Time } from "../../ui/numbers";
import { EmptyState, ErrorBox } from "../../ui/states";

interface WriteKeysProps {
  source: string;
  /** The key that was made just now, as long as this page is open. */
  made: string | null;
  onMade: (text: string | null) => void;
}

/** The keys that programs prove themselves with: one for each, so that one alone can be taken back. */
export function WriteKeys({ source, made, onMade }: WriteKeysProps) {
  const held = useWriteKeys(source);
  const [leaving, setLeaving] = useState<WriteKey | null>(null);
  const remove = useDeleteWriteKey();
  const columns: readonly Column<WriteKey>[] = [
    { key: "name", head: "Name", spot: "title", cell: (key) => key.name },
    { key: "id", head: "Id", spot: "left", cell: (key) => <span className="mono muted">{key.id}</span> },
    { key: "made", head: "Made", spot: "left", cell: (key) => <Time at={key.created_at} relative /> },
    {
      key: "delete",
      head: <span className="sr">Delete</span>,
      align: "right",
      spot: "top-right",
      cell: (key) => (
        <Button variant="subtle" aria-label={`Delete ${key.name}`} onClick={() => setLeaving(key)}>
          Delete
        </Button>
      ),
    },
  ];
  return (
    <section aria-label="Write keys">
      <div className="section write-keys">
        <div className="section-head">
          <h2>Write keys</h2>
          <span className="muted">One for each program, so that each can be taken back alone.</span>
        </div>
        <NewWriteKey source={source} onMade={onMade} />
        {made && (
          <div className="note ok made-key" role="status">
            <div>
              <p>This is the key. Copy it now: it is kept only as a hash, and never shown again.</p>
              <CopyField label="write key" value={made} />
            </div>
          </div>
        )}
      </div>
      <DataTable
        label="Write keys"
        columns={columns}
        query={held}
        rowKey={(key) => key.id}
        empty={
          <EmptyState icon={IconKey} title="No write keys yet">
            Name the program that will send calls, and make its key.
          </EmptyState>
        }
      />
      <ConfirmDialog
        opened={leaving !== null}
        onClose={() => setLeaving(null)}
        title={`Delete the write key ${leaving?.name}?`}
        action="Delete key"
        onConfirm={async () => {
          if (leaving) await remove.mutateAsync({ source, id: leaving.id });
          onMade(null);
        }}
      >
        Calls with it are refused within seconds. Other keys of {source} go on working.
      </ConfirmDialog>
    </section>
  );
}

function NewWriteKey({ source, onMade }: { source: string; onMade: (text: string) => void }) {
  const [name, setName] = useState("");
  const create = useCreateWriteKey();
  const { at, rest } = fieldErrors(create.error, "body", ["name"]);

  function submit(event: FormEvent) {
    event.preventDefault();
    create.mutate(
      { source, name },
      {
        onSuccess: ({ text }) => {
          setName("");
          onMade(text);
        },
      },
    );
  }
  return (
    <form className="stack-v measure" onSubmit={submit} noValidate>
      <div className="with-button">
        <TextInput
          label="Program"
          placeholder="checkout"
          autoComplete="off"
          error={at.name}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <Button type="submit" loading={create.isPending}>
          Make write key
        </Button>
      </div>
      <ErrorBox error={rest} />
    </form>
  );
}
