import { PasswordInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { Link, Navigate, useLocation } from "react-router";
import { useJoin } from "../../api/queries-session";
import { paths } from "../../paths";
import { Note } from "../../ui/states";
import { Gate, GateForm } from "./Gate";

/** An invitation: /join#CODE. The code stands behind the #, so that it is in no server's log. */
export function Join() {
  const join = useJoin();
  const { hash } = useLocation();
  const [code] = useState(hash.slice(1));
  const [password, setPassword] = useState("");
  // Nor in the browser's history.
  useEffect(() => window.history.replaceState(window.history.state, "", paths.join), []);
  if (join.isSuccess) return <Navigate to={paths.overview} replace />;
  if (code === "") {
    return (
      <Gate title="Join Headrace">
        <Note tone="warn">
          This address holds no invitation. Open the whole link that you were sent, or{" "}
          <Link className="link" to={paths.login}>
            sign in
          </Link>
          .
        </Note>
      </Gate>
    );
  }
  return (
    <Gate title="Join Headrace" lead="You were invited. Choose a password, and you are in.">
      <GateForm
        action="Join"
        busy={join.isPending}
        error={join.error}
        onSubmit={() => join.mutate({ code, password })}
      >
        <PasswordInput
          label="Password"
          description="Long is better than odd: a few words that you remember."
          autoComplete="new-password"
          required
          withAsterisk={false}
          autoFocus
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
      </GateForm>
    </Gate>
  );
}
