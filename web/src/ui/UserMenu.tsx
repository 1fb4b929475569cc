import { Popover, SegmentedControl, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { IconKey, IconKeyboard, IconLogout } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useMe, useSignOut } from "../api/queries-session";
import { paths } from "../paths";
import { useFrame } from "./frame";
import { notify } from "./notify";

/** Who is signed in; their account, the theme, and the way out. */
export function UserMenu() {
  const me = useMe();
  const [open, setOpen] = useState(false);
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" width={240} trapFocus returnFocus>
      <Popover.Target>
        <UnstyledButton className="avatar" onClick={() => setOpen(!open)}>
          <span className="sr">Account: {me.name}</span>
          <span aria-hidden>{initials(me.name)}</span>
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown aria-label="Account" className="user-menu">
        <div className="who">
          <b className="clip">{me.name}</b>
          <span className="clip faint">
            {me.email} · {me.role}
          </span>
        </div>
        <Theme />
        <Items onClose={() => setOpen(false)} />
      </Popover.Dropdown>
    </Popover>
  );
}

function Theme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      aria-label="Theme"
      fullWidth
      value={colorScheme}
      onChange={setColorScheme}
      data={[
        { value: "auto", label: "System" },
        { value: "light", label: "Light" },
        { value: "dark", label: "Dark" },
      ]}
    />
  );
}

function Items({ onClose }: { onClose: () => void }) {
  const { openKeys } = useFrame();
  const signOut = useSignOut();
  const showKeys = () => {
    onClose();
    openKeys();
  };
  return (
    <div className="user-items">
      <Link className="nav" to={paths.settings("account")} onClick={onClose}>
        <IconKey aria-hidden />
        Your account
      </Link>
      <button type="button" className="nav" onClick={showKeys}>
        <IconKeyboard aria-hidden />
        Keyboard shortcuts
      </button>
      <button
        type="button"
        className="nav"
        disabled={signOut.isPending}
        onClick={() => signOut.mutate(undefined, { onError: notify.problem })}
      >
        <IconLogout aria-hidden />
        Sign out
      </button>
    </div>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = [words[0], words.length > 1 ? words.at(-1) : ""].map(
    (word) => Array.from(word ?? "")[0] ?? "",
  );
  return letters.join("").toUpperCase() || "?";
}
