import { Button, SegmentedControl } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { type Token, useDeleteToken, useTokens } from "../../api/queries-access";
import { useMay } from "../../api/queries-session";
import { Chip } from "../../ui/Chip";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { type Column, DataTable } from "../../ui/DataTable";
import { Drawer } from "../../ui/Drawer";
import { notify } from "../../ui/notify";
import { Time, useNow } from "../../ui/numbers";
import { EmptyState } from "../../ui/states";
import { useParam, useParamLink } from "../../ui/url";
import { NewToken } from "./parts/NewToken";
import { Part } from "./parts/Part";
import { roleWord } from "./parts/roles";

/** With what programs speak to the API; everybody has their own, owners see all. */
export function Tokens() {
  const administer = useMay("administer");
  const [whose, setWhose] = useParam("of");
  const all = administer && whose === "all";
  const tokens = useTokens(all);
  const link = useParamLink();
  const [gone, setGone] = useState<Token | null>(null);
  const remove = useDeleteToken();
  const make = (
    <Button variant="filled" component={Link} to={link("new", "token")}>
      Make a token
    </Button>
  );
  return (
    <Part
      wide
      title="API tokens"
      lead="Programs send one with each request. A token never does more than whoever made it may at that moment."
      action={make}
    >
      {administer && (
        <div className="tools">
          <SegmentedControl
            aria-label="Whose tokens"
            data={[
              { value: "mine", label: "Yours" },
              { value: "all", label: "Of everybody" },
            ]}
            value={all ? "all" : "mine"}
            onChange={(value) => setWhose(value === "all" ? "all" : null)}
          />
        </div>
      )}
      <DataTable
        label="API tokens"
        columns={columns(all, setGone)}
        query={tokens}
        rowKey={({ id }) => id}
        empty={
          <EmptyState icon={IconKey} title="No tokens yet">
            Make one for each program, with as little as it needs.
          </EmptyState>
        }
      />
      <Drawer param="new" label="Make a token" size={480}>
        {() => <NewToken />}
      </Drawer>
      <ConfirmDialog
        opened={gone !== null}
        onClose={() => setGone(null)}
        title={`Revoke ${gone?.name ?? ""}?`}
        action="Revoke token"
        onConfirm={async () => {
          await remove.mutateAsync(gone?.id ?? "");
          notify.ok(`The token ${gone?.name ?? ""} is revoked.`);
        }}
      >
        Programs that use it are refused at once. It cannot be brought back.
      </ConfirmDialog>
    </Part>
  );
}

function columns(all: boolean, revoke: (token: Token) => void): Column<Token>[] {
  return [
    {
      key: "name",
      head: "Name",
      spot: "title",
      cell: ({ id, name }) => (
        <span className="row-h">
          <span className="clip">{name}</span>
          <span className="mono faint">{id}…</span>
        </span>
      ),
    },
    ...(all
      ? [
          {
            key: "user",
            head: "Made by",
            spot: "line",
            cell: ({ user }: Token) => <span className="muted">{user}</span>,
          } as const,
        ]
      : []),
    { key: "may", head: "May", spot: "left", cell: (token) => <May token={token} /> },
    {
      key: "used",
      head: "Last used",
      spot: "left",
      phone: "last used",
      cell: ({ last_used_at }) => <Used at={last_used_at} />,
    },
    {
      key: "expires",
      head: "Expires",
      spot: "top-right",
      cell: ({ expires_at }) => <Expiry at={expires_at} />,
    },
    {
      key: "revoke",
      head: <span className="sr">Revoke</span>,
      spot: "right",
      align: "right",
      cell: (token) => (
        <Button variant="subtle" aria-label={`Revoke ${token.name}`} onClick={() => revoke(token)}>
          Revoke
        </Button>
      ),
    },
  ];
}

function May({ token: { role, scopes, preview } }: { token: Token }) {
  const what = scopes.length > 0 ? `${roleWord(role)}: ${scopes.join(", ")}` : roleWord(role);
  return <span className="muted">{preview && scopes.length === 0 ? `${what}, rows of data` : what}</span>;
}

function Used({ at }: { at: string | null }) {
  return at === null ? <span className="faint">Never</span> : <Time at={at} relative />;
}

function Expiry({ at }: { at: string | null }) {
  const now = useNow(null);
  if (at === null) return <span className="muted">Never</span>;
  if (Date.parse(at) < now) return <Chip tone="bad">Expired</Chip>;
  return <Time at={at} relative />;
}
