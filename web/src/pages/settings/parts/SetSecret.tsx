import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiProblem } from "../../../api/client";
import type { FieldShown } from "../../../api/queries-connectors";
import { useSetSecret } from "../../../api/queries-settings";
import { fieldErrors } from "../../../ui/fieldErrors";
import { SecretField } from "../../../ui/form/SecretField";
import { notify } from "../../../ui/notify";
import { ErrorBox } from "../../../ui/states";
import { useParam } from "../../../ui/url";

const VALUE: FieldShown = {
  name: "value",
  kind: "secret",
  help: "Kept encrypted, and never shown again.",
  required: true,
  default: null,
  example: null,
  choices: [],
  minimum: null,
  maximum: null,
  fields: [],
};

/** Keeps a value for a variable; null is a variable that is yet to be named. */
export function SetSecret({ name: known }: { name: string | null }) {
  const set = useSetSecret();
  const [name, setName] = useState(known ?? "");
  const [value, setValue] = useState<unknown>(undefined);
  const [, open] = useParam("set", "replace");
  const path = fieldErrors(set.error, "path", ["name"]);
  const { at, rest } = fieldErrors(path.rest, "body", ["value"]);
  const badName = set.error instanceof ApiProblem && path.at.name;

  function submit(event: FormEvent) {
    event.preventDefault();
    const text = typeof value === "string" ? value : "";
    set.mutate(
      { name, value: text },
      {
        onSuccess: () => {
          notify.ok(`The secret ${name} is kept.`);
          open(null);
        },
      },
    );
  }
  return (
    <form className="drawer-form" onSubmit={submit} noValidate>
      {known === null && (
        <TextInput
          label="Name"
          description="Letters, figures and _. The configuration writes it as ${NAME}."
          placeholder="SHOP_PASSWORD"
          className="mono-input"
          data-autofocus
          required
          autoComplete="off"
          spellCheck={false}
          error={badName}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
      )}
      <SecretField field={VALUE} value={value} onChange={setValue} error={at.value} />
      <ErrorBox error={rest} />
      <div>
        <Button type="submit" variant="filled" disabled={name === ""} loading={set.isPending}>
          Keep it
        </Button>
      </div>
    </form>
  );
}
