import { Button } from "@mantine/core";
import type { Invitation } from "../../../api/queries-access";
import { moment } from "../../../ui/numbers";
import { ShownOnce } from "./ShownOnce";

/** The link of an invitation. Whoever opens it sets the password of that person. */
export function InvitationLink({ invitation, again }: { invitation: Invitation; again?: () => void }) {
  const { user, link, expires_at } = invitation;
  return (
    <div className="stack-v">
      <ShownOnce label="invitation link" value={link}>
        <p>
          Hand it to {user.name} in private: no mail is sent. Whoever opens it sets the password of{" "}
          {user.email}. It works once, until {moment(expires_at)}.
        </p>
      </ShownOnce>
      {again && (
        <div>
          <Button onClick={again}>Invite somebody else</Button>
        </div>
      )}
    </div>
  );
}
