import { Button, Select, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useCreateWriteKey } from "../../../api/queries-access";
import { CodeBlock } from "../../../ui/CopyField";
import { fieldErrors } from "../../../ui/fieldErrors";
import { ErrorBox } from "../../../ui/states";
import { ShownOnce } from "./ShownOnce";

/** Makes a write key; it is shown in the place of the form, once. */
export function NewWriteKey({ sources }: { sources: readonly string[] }) {
  const create = useCreateWriteKey();
  const [source, setSource] = useState(sources[0] ?? "");
  const [name, setName] = useState("");
  if (create.data) return <Made text={create.data.text} again={create.reset} />;

  const { at, rest } = fieldErrors(create.error, "body", ["source", "name"]);
  function submit(event: FormEvent) {
    event.preventDefault();
    create.mutate({ source, name });
  }
  return (
    <form className="drawer-form" onSubmit={submit} noValidate>
      <Select
        label="Source"
        description="Where calls with this key arrive."
        data={sources}
        error={at.source}
        value={source}
        onChange={(next) => next !== null && setSource(next)}
      />
      <TextInput
        label="Name"
        description="For which program it is."
        placeholder="production"
        data-autofocus
        required
        autoComplete="off"
        error={at.name}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <ErrorBox error={rest} />
      <div>
        <Button type="submit" variant="filled" loading={create.isPending}>
          Make the write key
        </Button>
      </div>
    </form>
  );
}

function Made({ text, again }: { text: string; again: () => void }) {
  const lines = [
    `curl -u "$HEADRACE_WRITE_KEY:" ${location.origin}/v1/identify \\`,
    `     -H "Content-Type: application/json" \\`,
    `     -d '{"userId": "u1", "traits": {"email": "ann@example.com"}}'`,
  ];
  return (
    <div className="stack-v">
      <ShownOnce label="write key" value={text}>
        Programs send it as the user name, with no password:
      </ShownOnce>
      <CodeBlock label="example" code={lines.join("\n")} />
      <div>
        <Button onClick={again}>Make another</Button>
      </div>
    </div>
  );
}
