import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { Navigate, useSearchParams } from "react-router";
import { useSession, useSetUpNeeded, useSignIn, useWays } from "../../api/queries-session";
import { paths } from "../../paths";
import { Note } from "../../ui/states";
import { useBack } from "./back";
import { Gate, GateForm } from "./Gate";

/** The sign-in page. */
export function SignIn() {
  const back = useBack();
  const session = useSession();
  const setUp = useSetUpNeeded();
  const ways = useWays();
  const [params] = useSearchParams();
  // Why it was refused the service tells. What stood in the address, anybody could have written there.
  const refused =
    params.has("error") && ways.data && (ways.data.refused ?? "The sign-in did not end well. Begin again.");
  if (session.data) return <Navigate to={back} replace />;
  if (setUp.data) return <Navigate to={paths.setup} replace />;
  return (
    <Gate title="Sign in" lead="Welcome back to Headrace.">
      {refused && (
        <div role="alert">
          <Note tone="bad">{refused}</Note>
        </div>
      )}
      {ways.data?.password !== false && <ByPassword />}
      {ways.data?.oidc && (
        // A real link: the service answers with the address of the provider.
        <Button
          component="a"
          href={`/api/v1/session/oidc?${new URLSearchParams({ back })}`}
          fullWidth
          mt={12}
        >
          {ways.data.oidc}
        </Button>
      )}
    </Gate>
  );
}

function ByPassword() {
  const signIn = useSignIn();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  return (
    <GateForm
      action="Sign in"
      busy={signIn.isPending}
      error={signIn.error}
      onSubmit={() => signIn.mutate({ email, password })}
    >
      <TextInput
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        withAsterisk={false}
        autoFocus
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <PasswordInput
        label="Password"
        autoComplete="current-password"
        required
        withAsterisk={false}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
    </GateForm>
  );
}
