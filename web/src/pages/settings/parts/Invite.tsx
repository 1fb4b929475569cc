import { Button, Switch, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiProblem } from "../../../api/client";
import { type Role, useInvite } from "../../../api/queries-access";
import { fieldErrors } from "../../../ui/fieldErrors";
import { ErrorBox } from "../../../ui/states";
import { InvitationLink } from "./InvitationLink";
import { RoleChoice } from "./roles";

const FIELDS = ["email", "name", "role", "preview"] as const;

/** Invites somebody; the link is shown in the place of the form. */
export function Invite() {
  const invite = useInvite();
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [preview, setPreview] = useState(false);
  if (invite.data) return <InvitationLink invitation={invite.data} again={invite.reset} />;

  const { at, rest } = fieldErrors(invite.error, "body", FIELDS);
  const taken =
    invite.error instanceof ApiProblem && invite.error.code === "email_taken" && invite.error.message;
  function submit(event: FormEvent) {
    event.preventDefault();
    invite.mutate({ email, name, role, preview });
  }
  return (
    <form className="drawer-form" onSubmit={submit} noValidate>
      <TextInput
        label="E-mail"
        type="email"
        data-autofocus
        required
        autoComplete="off"
        error={taken || at.email}
        value={email}
        onChange={({ currentTarget }) => setEmail(currentTarget.value)}
      />
      <TextInput
        label="Name"
        required
        autoComplete="off"
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
      <ErrorBox error={taken ? null : rest} />
      <div>
        <Button type="submit" variant="filled" loading={invite.isPending}>
          Make the invitation
        </Button>
      </div>
    </form>
  );
}
