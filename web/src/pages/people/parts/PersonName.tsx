import { Link } from "react-router";
import { paths } from "../../../paths";

interface Named {
  id: number;
  user_id: string | null;
  email: string | null;
}

/** How a person is called: by e-mail address, else userId. */
export function nameOf({ id, user_id, email }: Named): string {
  return email ?? user_id ?? `Anonymous ${id}`;
}

export function PersonLink({ person, workspace }: { person: Named; workspace: string }) {
  return (
    <Link className="clip person-link" to={paths.person(person.id, workspace)}>
      <bdi>{nameOf(person)}</bdi>
    </Link>
  );
}
