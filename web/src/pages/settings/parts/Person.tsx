import { Button, Switch, TextInput } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import {
  type User,
  useDeleteUser,
  useEditUser,
  useInviteAgain,
  useSignUserOut,
} from "../../../api/queries-access";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import { fieldErrors } from "../../../ui/fieldErrors";
import { Facts } from "../../../ui/Kpi";
import { notify } from "../../../ui/notify";
import { Time } from "../../../ui/numbers";
import { EmptyState, ErrorBox, Loaded } from "../../../ui/states";
import { useParam } from "../../../ui/url";
import { InvitationLink } from "./InvitationLink";
import { RoleChoice } from "./roles";

/** One person in the drawer: what they may, and how they get in. */
export function Person({ id, users }: { id: string; users: UseQueryResult<User[]> }) {
  return (
    <Loaded query={users}>
      {(all) => {
        const user = all.find((one) => one.id === id);
        if (!user)
          return (
            <EmptyState title="There is no such person">
              They were deleted, or the address is wrong.
            </EmptyState>
          );
        return (
          <div key={user.id}>
            <Facts
              facts={[
                ["E-mail", user.email],
                ["Here since", <Time key="since" at={user.created_at} />],
                ["Last seen", <Time key="seen" at={user.last_seen_at} relative />],
                ["Signs in with", ways(user)],
              ]}
            />
            <div className="drawer-part">
              <Rights user={user} />
            </div>
            <div className="drawer-part">
              <Ways user={user} />
            </div>
          </div>
        );
      }}
    </Loaded>
  );
}

function ways({ password, oidc }: User): string {
  return [password && "password", oidc && "OpenID Connect"].filter(Boolean).join(", ") || "nothing yet";
}

function Rights({ user }: { user: User }) {
  const edit = useEditUser();
  const [name, setName] = useState(user.name);
  const [role, setRole] = useState(user.role);
  const [preview, setPreview] = useState(user.preview);
  const [disabled, setDisabled] = useState(user.disabled);
  const { at, rest } = fieldErrors(edit.error, "body", ["name", "role"]);
  const changed =
    name !== user.name || role !== user.role || preview !== user.preview || disabled !== user.disabled;

  function save(event: FormEvent) {
    event.preventDefault();
    edit.mutate(
      { id: user.id, edit: { name, role, preview, disabled } },
      { onSuccess: () => notify.ok(`What ${name} may is saved.`) },
    );
  }
  return (
    <form className="drawer-form" onSubmit={save} noValidate>
      <TextInput
        label="Name"
        error={at.name}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <RoleChoice value={role} onChange={setRole} />
      <Switch
        label="May look at rows of data"
        description="Run Query, failed rows, Data In: people's data as it is."
        checked={preview}
        onChange={({ currentTarget }) => setPreview(currentTarget.checked)}
      />
      <Switch
        label="Disabled"
        description="Signed out at once and not let in, and neither are their tokens."
        checked={disabled}
        onChange={({ currentTarget }) => setDisabled(currentTarget.checked)}
      />
      <ErrorBox error={rest} />
      <div>
        <Button type="submit" variant="filled" disabled={!changed} loading={edit.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}

type Asked = "out" | "delete" | null;

/** New invitation, end of all sessions, deletion. */
function Ways({ user }: { user: User }) {
  const invite = useInviteAgain();
  const out = useSignUserOut();
  const remove = useDeleteUser();
  const [asked, ask] = useState<Asked>(null);
  const [, open] = useParam("person", "replace");
  return (
    <>
      {invite.data ? (
        <InvitationLink invitation={invite.data} />
      ) : (
        <p className="muted">
          {user.password
            ? "Forgotten password? With a new invitation they set another; until then the old one holds."
            : "Not here yet. A new invitation makes the earlier one void."}
        </p>
      )}
      <ErrorBox error={invite.error} />
      <div className="row-h wrap">
        <Button loading={invite.isPending} onClick={() => invite.mutate(user.id)}>
          New invitation
        </Button>
        <Button onClick={() => ask("out")}>End all sessions</Button>
        <span className="push" />
        <Button color="red" variant="light" onClick={() => ask("delete")}>
          Delete
        </Button>
      </div>
      <ConfirmDialog
        opened={asked === "out"}
        onClose={() => ask(null)}
        title={`End all sessions of ${user.name}?`}
        action="End all sessions"
        onConfirm={async () => {
          await out.mutateAsync(user.id);
          notify.ok(`${user.name} is signed out everywhere.`);
        }}
      >
        They can sign in again at once: disable them to keep them out. Their tokens go on working.
      </ConfirmDialog>
      <ConfirmDialog
        opened={asked === "delete"}
        onClose={() => ask(null)}
        title={`Delete ${user.name}?`}
        action="Delete person"
        typeName={user.email}
        onConfirm={async () => {
          await remove.mutateAsync(user.id);
          notify.ok(`${user.name} is deleted.`);
          open(null);
        }}
      >
        Their sessions and API tokens end with them: programs that use those stop working. What they did stays
        in the audit log.
      </ConfirmDialog>
    </>
  );
}
