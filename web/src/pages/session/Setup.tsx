import { PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { Navigate } from "react-router";
import { useSession, useSetUp, useSetUpNeeded } from "../../api/queries-session";
import { paths } from "../../paths";
import { fieldErrors } from "../../ui/fieldErrors";
import { Gate, GateForm } from "./Gate";

/** The first run: who has the code that the service printed becomes the owner. */
export function Setup() {
  const session = useSession();
  const needed = useSetUpNeeded();
  const setUp = useSetUp();
  const [asked, setAsked] = useState({ code: "", name: "", email: "", password: "" });
  const { at, rest } = fieldErrors(setUp.error, "body", Object.keys(asked));
  if (session.data) return <Navigate to={paths.overview} replace />;
  if (needed.data === false) return <Navigate to={paths.login} replace />;

  const field = (key: keyof typeof asked) => ({
    required: true,
    withAsterisk: false,
    value: asked[key],
    error: at[key],
    onChange: (event: { currentTarget: { value: string } }) => {
      const { value } = event.currentTarget;
      setAsked((old) => ({ ...old, [key]: value }));
    },
  });
  return (
    <Gate title="Set up Headrace" lead="Make the first owner. The code was printed when the service started.">
      <GateForm action="Set up" busy={setUp.isPending} error={rest} onSubmit={() => setUp.mutate(asked)}>
        <TextInput
          label="One-time code"
          description="Five groups of letters and digits, in the service's output."
          placeholder="xxxx-xxxx-xxxx-xxxx-xxxx"
          autoComplete="one-time-code"
          spellCheck={false}
          autoFocus
          {...field("code")}
        />
        <TextInput label="Your name" autoComplete="name" {...field("name")} />
        <TextInput label="E-mail" type="email" autoComplete="username" {...field("email")} />
        <PasswordInput
          label="Password"
          description="Long is better than odd: a few words that you remember."
          autoComplete="new-password"
          {...field("password")}
        />
      </GateForm>
    </Gate>
  );
}
