import { Button } from "@mantine/core";
import { IconUsers } from "@tabler/icons-react";
import { Link } from "react-router";
import { type User, useUsers } from "../../api/queries-access";
import { useMe } from "../../api/queries-session";
import { Chip } from "../../ui/Chip";
import { type Column, DataTable } from "../../ui/DataTable";
import { Drawer } from "../../ui/Drawer";
import { Time } from "../../ui/numbers";
import { EmptyState } from "../../ui/states";
import { useParam, useParamLink } from "../../ui/url";
import { Invite } from "./parts/Invite";
import { Part } from "./parts/Part";
import { Person } from "./parts/Person";
import { roleWord } from "./parts/roles";

/** Who is let in, and what they may. */
export function People() {
  const users = useUsers();
  const me = useMe();
  const link = useParamLink();
  const [selected] = useParam("person");
  const columns: Column<User>[] = [
    {
      key: "name",
      head: "Name",
      spot: "title",
      cell: ({ id, name }) => (
        <span className="row-h">
          <Link className="clip" to={link("person", id)}>
            {name}
          </Link>
          {id === me.id && <span className="tag managed">you</span>}
        </span>
      ),
    },
    {
      key: "email",
      head: "E-mail",
      spot: "line",
      cell: ({ email }) => <span className="muted clip">{email}</span>,
    },
    { key: "role", head: "Role", spot: "left", cell: ({ role }) => roleWord(role) },
    {
      key: "preview",
      head: "Rows of data",
      spot: "hide",
      cell: ({ preview }) => <span className="muted">{preview ? "May look" : "No"}</span>,
    },
    { key: "state", head: "State", spot: "top-right", cell: (user) => <UserChip user={user} /> },
    {
      key: "seen",
      head: "Last seen",
      spot: "right",
      align: "right",
      cell: ({ last_seen_at }) => <Time at={last_seen_at} relative />,
    },
  ];
  const invite = (
    <Button variant="filled" component={Link} to={link("invite", "1")}>
      Invite
    </Button>
  );
  return (
    <Part
      wide
      title="People"
      lead="Everybody has one role; looking at rows of data is a right of its own."
      action={invite}
    >
      <DataTable
        label="People"
        columns={columns}
        query={users}
        rowKey={({ id }) => id}
        selected={({ id }) => id === selected}
        empty={
          <EmptyState icon={IconUsers} title="Nobody is here">
            Invite the first one.
          </EmptyState>
        }
      />
      <Drawer param="invite" label="Invite somebody" size={480}>
        {() => <Invite />}
      </Drawer>
      <Drawer
        param="person"
        label="Person"
        size={480}
        head={(id) => <h2 className="clip">{nameOf(users.data, id)}</h2>}
      >
        {(id) => <Person id={id} users={users} />}
      </Drawer>
    </Part>
  );
}

/** Who was invited and has set no password yet is not here yet. */
function UserChip({ user }: { user: User }) {
  if (user.disabled) return <Chip tone="quiet">Disabled</Chip>;
  if (!user.password && !user.oidc) return <Chip tone="live">Invited</Chip>;
  return <Chip tone="ok">Active</Chip>;
}

function nameOf(users: readonly User[] | undefined, id: string): string {
  return users?.find((user) => user.id === id)?.name ?? "Person";
}
