import { Button } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { type KeptSecret, useDeleteSecret, useSecrets } from "../../api/queries-settings";
import { Chip } from "../../ui/Chip";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { type Column, DataTable } from "../../ui/DataTable";
import { Drawer } from "../../ui/Drawer";
import { notify } from "../../ui/notify";
import { EmptyState } from "../../ui/states";
import { useParamLink } from "../../ui/url";
import { Part } from "./parts/Part";
import { SetSecret } from "./parts/SetSecret";

/** Values for `${NAME}` in the configuration: names are shown, values never. */
export function Secrets() {
  const secrets = useSecrets();
  const link = useParamLink();
  const [gone, setGone] = useState<string | null>(null);
  const remove = useDeleteSecret();
  const keep = (
    <Button variant="filled" component={Link} to={link("set", "+")}>
      Keep a secret
    </Button>
  );
  const columns: Column<KeptSecret>[] = [
    {
      key: "name",
      head: "Name",
      spot: "title",
      cell: ({ name }) => <span className="mono">{`\${${name}}`}</span>,
    },
    {
      key: "used",
      head: "State",
      spot: "top-right",
      cell: ({ used }) =>
        used ? <Chip tone="ok">Kept</Chip> : <Chip tone="warn">The environment goes first</Chip>,
    },
    {
      key: "actions",
      head: <span className="sr">Actions</span>,
      spot: "right",
      align: "right",
      cell: ({ name }) => (
        <>
          <Button variant="subtle" component={Link} to={link("set", name)} aria-label={`Replace ${name}`}>
            Replace
          </Button>
          <Button variant="subtle" aria-label={`Delete ${name}`} onClick={() => setGone(name)}>
            Delete
          </Button>
        </>
      ),
    },
  ];
  return (
    <Part
      wide
      title="Secrets"
      lead="Where the configuration says ${NAME}, this value is put. Values are kept encrypted and never shown again; a variable of the environment goes first."
      action={keep}
    >
      <DataTable
        label="Kept secrets"
        columns={columns}
        query={secrets}
        rowKey={({ name }) => name}
        empty={
          <EmptyState icon={IconLock} title="No secrets are kept">
            Keep one for each variable that your configuration names.
          </EmptyState>
        }
      />
      <Drawer
        param="set"
        label="Keep a secret"
        size={480}
        head={(name) => <h2>{name === "+" ? "Keep a secret" : `Replace ${name}`}</h2>}
      >
        {(name) => <SetSecret key={name} name={name === "+" ? null : name} />}
      </Drawer>
      <ConfirmDialog
        opened={gone !== null}
        onClose={() => setGone(null)}
        title={`Delete ${gone ?? ""}?`}
        action="Delete secret"
        typeName={gone ?? ""}
        onConfirm={async () => {
          await remove.mutateAsync(gone ?? "");
          notify.ok(`The secret ${gone ?? ""} is forgotten.`);
        }}
      >
        {`What names \${${gone ?? ""}} cannot be used any more, unless the environment has it. The value cannot be brought back.`}
      </ConfirmDialog>
    </Part>
  );
}
