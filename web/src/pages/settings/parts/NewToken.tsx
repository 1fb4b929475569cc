import { Button, Checkbox, Select, Switch, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useCreateToken } from "../../../api/queries-access";
import { type Action, useMe } from "../../../api/queries-session";
import { CodeBlock } from "../../../ui/CopyField";
import { fieldErrors } from "../../../ui/fieldErrors";
import { ErrorBox } from "../../../ui/states";
import { RoleChoice } from "./roles";
import { ShownOnce } from "./ShownOnce";

const FIELDS = ["name", "role", "preview", "scopes", "days"] as const;
const EXPIRY = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "never", label: "Never" },
];
const MEANS: Readonly<Record<Action, string>> = {
  view: "names, states, counts, reasons",
  preview: "rows of data",
  operate: "run, cancel, resend, enable, disable",
  edit: "syncs",
  connect: "sources, destinations, alert channels",
  administer: "people, keys, settings, the audit log",
};

/** Makes a token; it is shown in the place of the form, once. */
export function NewToken() {
  const me = useMe();
  const create = useCreateToken();
  const [name, setName] = useState("");
  const [role, setRole] = useState(me.role);
  const [preview, setPreview] = useState(false);
  const [scopes, setScopes] = useState<string[]>([]);
  const [expiry, setExpiry] = useState("90");
  if (create.data) return <Made text={create.data.text} again={create.reset} />;

  const { at, rest } = fieldErrors(create.error, "body", FIELDS);
  function submit(event: FormEvent) {
    event.preventDefault();
    const days = expiry === "never" ? null : Number(expiry);
    create.mutate({ name, role, preview, scopes: scopes as Action[], days });
  }
  return (
    <form className="drawer-form" onSubmit={submit} noValidate>
      <TextInput
        label="Name"
        description="For which program it is."
        placeholder="deploy"
        data-autofocus
        required
        autoComplete="off"
        error={at.name}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <RoleChoice value={role} onChange={setRole} most={me.role} />
      {me.preview && (
        <Switch
          label="May look at rows of data"
          checked={preview}
          onChange={({ currentTarget }) => setPreview(currentTarget.checked)}
        />
      )}
      <Checkbox.Group
        label="Only for"
        description="Narrows what its role may. Tick none, and it may all of that."
        error={at.scopes}
        value={scopes}
        onChange={setScopes}
      >
        <div className="ticks">
          {me.actions.map((action) => (
            <Checkbox key={action} value={action} label={action} description={MEANS[action]} />
          ))}
        </div>
      </Checkbox.Group>
      <Select
        label="Expires"
        data={EXPIRY}
        error={at.days}
        value={expiry}
        onChange={(next) => next !== null && setExpiry(next)}
      />
      <ErrorBox error={rest} />
      <div>
        <Button type="submit" variant="filled" loading={create.isPending}>
          Make the token
        </Button>
      </div>
    </form>
  );
}

function Made({ text, again }: { text: string; again: () => void }) {
  return (
    <div className="stack-v">
      <ShownOnce label="token" value={text}>
        Programs send it in the header of each request, never in an address:
      </ShownOnce>
      <CodeBlock
        label="example"
        code={`curl -H "Authorization: Bearer $HEADRACE_TOKEN" \\\n     ${location.origin}/api/v1/syncs`}
      />
      <div>
        <Button onClick={again}>Make another</Button>
      </div>
    </div>
  );
}
