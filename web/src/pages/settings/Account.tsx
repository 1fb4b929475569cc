import { Button, PasswordInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiProblem } from "../../api/client";
import { type OwnSession, useChangePassword, useEndSessions, useOwnSessions } from "../../api/queries-access";
import { useMe } from "../../api/queries-session";
import { Chip } from "../../ui/Chip";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { type Column, DataTable } from "../../ui/DataTable";
import { Facts } from "../../ui/Kpi";
import { notify } from "../../ui/notify";
import { Time } from "../../ui/numbers";
import { EmptyState, ErrorBox } from "../../ui/states";
import { browserOf } from "./parts/browser";
import { Part } from "./parts/Part";
import { roleWord } from "./parts/roles";

/** One's own account: who one is here, the password, and where one is signed in. */
export function Account() {
  const me = useMe();
  return (
    <>
      <Part title="You">
        <Facts
          facts={[
            ["Name", me.name],
            ["E-mail", me.email ?? "–"],
            ["Role", roleWord(me.role)],
            ["Rows of data", me.preview ? "May look at them" : "May not look at them"],
          ]}
        />
      </Part>
      <Password />
      <Sessions />
    </>
  );
}

function Password() {
  const change = useChangePassword();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const { code, message } = change.error instanceof ApiProblem ? change.error : { code: "", message: "" };
  const atField = code === "wrong_password" || code === "weak_password";

  function save(event: FormEvent) {
    event.preventDefault();
    change.mutate(
      { current, new: next },
      {
        onSuccess: () => {
          setCurrent("");
          setNext("");
          notify.ok("Your password is changed. All your other sessions have ended.");
        },
      },
    );
  }
  return (
    <Part title="Password" lead="All your other sessions end with a new password.">
      <form onSubmit={save}>
        <PasswordInput
          label="Current password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          error={code === "wrong_password" && message}
          visibilityToggleButtonProps={{ "aria-label": "Show current password" }}
          value={current}
          onChange={({ currentTarget }) => setCurrent(currentTarget.value)}
        />
        <PasswordInput
          label="New password"
          description="Long is better than odd: a few words that you remember."
          autoComplete="new-password"
          required
          withAsterisk={false}
          error={code === "weak_password" && message}
          visibilityToggleButtonProps={{ "aria-label": "Show new password" }}
          value={next}
          onChange={({ currentTarget }) => setNext(currentTarget.value)}
        />
        {!atField && <ErrorBox error={change.error} />}
        <div>
          <Button type="submit" variant="filled" loading={change.isPending}>
            Change password
          </Button>
        </div>
      </form>
    </Part>
  );
}

function Sessions() {
  const sessions = useOwnSessions();
  const end = useEndSessions();
  const [asked, ask] = useState(false);
  const others = (sessions.data ?? []).filter(({ current }) => !current).map(({ id }) => id);
  const columns: Column<OwnSession>[] = [
    {
      key: "agent",
      head: "Browser",
      spot: "title",
      cell: ({ agent }) => <span title={agent}>{browserOf(agent)}</span>,
    },
    {
      key: "current",
      head: <span className="sr">Which</span>,
      spot: "top-right",
      cell: ({ current }) => (current ? <Chip tone="ok">This browser</Chip> : null),
    },
    {
      key: "since",
      head: "Signed in",
      spot: "left",
      cell: ({ created_at }) => <Time at={created_at} relative />,
    },
    {
      key: "seen",
      head: "Last used",
      spot: "left",
      phone: "last used",
      cell: ({ seen_at }) => <Time at={seen_at} relative />,
    },
    {
      key: "end",
      head: <span className="sr">End</span>,
      spot: "right",
      align: "right",
      cell: (session) => <End session={session} end={end} />,
    },
  ];
  const all = others.length > 0 && <Button onClick={() => ask(true)}>End all others</Button>;
  return (
    <Part
      wide
      title="Sessions"
      lead="Where you are signed in. End what you do not know, and change your password."
      action={all}
    >
      <DataTable
        label="Sessions"
        columns={columns}
        query={sessions}
        rowKey={({ id }) => id}
        empty={<EmptyState title="No sessions">You are signed in nowhere.</EmptyState>}
      />
      <ConfirmDialog
        opened={asked}
        onClose={() => ask(false)}
        title="End all other sessions?"
        action="End them"
        onConfirm={() => end.mutateAsync(others)}
      >
        You stay signed in here, and nowhere else.
      </ConfirmDialog>
    </Part>
  );
}

/** The own session is ended by signing out. */
function End({ session, end }: { session: OwnSession; end: ReturnType<typeof useEndSessions> }) {
  if (session.current) return null;
  const busy = end.isPending && end.variables.includes(session.id);
  return (
    <Button
      variant="subtle"
      loading={busy}
      aria-label={`End session of ${browserOf(session.agent)}`}
      onClick={() => end.mutate([session.id], { onError: notify.problem })}
    >
      End
    </Button>
  );
}
