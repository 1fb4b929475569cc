import type { Role } from "../../../api/queries-access";
import { Choices } from "./Choices";

const ROLES: readonly { value: Role; label: string; may: string }[] = [
  { value: "viewer", label: "Viewer", may: "Sees syncs, runs, counts and reasons." },
  { value: "operator", label: "Operator", may: "Also runs, cancels, resends, enables and disables syncs." },
  { value: "editor", label: "Editor", may: "Also writes syncs with their queries." },
  { value: "owner", label: "Owner", may: "Also handles connections, secrets, people, keys and settings." },
];

export function roleWord(role: Role): string {
  return ROLES.find(({ value }) => value === role)?.label ?? role;
}

interface RoleChoiceProps {
  value: Role;
  onChange: (role: Role) => void;
  /** The highest that is offered: a token has at most its maker's role. */
  most?: Role;
}

/** The roles, each with what it may. */
export function RoleChoice({ value, onChange, most = "owner" }: RoleChoiceProps) {
  const offered = ROLES.slice(0, ROLES.findIndex((role) => role.value === most) + 1);
  return <Choices label="Role" choices={offered} value={value} onChange={onChange} />;
}
