import { Drawer } from "@mantine/core";
import {
  IconActivity,
  IconDatabaseImport,
  IconHome,
  IconLayoutGrid,
  IconRefresh,
  IconSearch,
  IconSend,
  IconSettings,
  IconUsers,
} from "@tabler/icons-react";
import { useEffect, useMemo, useState } from "react";
import { Link, Navigate, NavLink, Outlet, useLocation } from "react-router";
import { useLiveCache } from "../api/live-cache";
import { useSession, useSetUpNeeded } from "../api/queries-session";
import { useStatus } from "../api/queries-status";
import { paths } from "../paths";
import { Brand } from "./Brand";
import { FrameContext, useFrame } from "./frame";
import { KeysHelp } from "./KeysHelp";
import { Palette } from "./Palette";
import { ErrorBox } from "./states";
import { useKeys } from "./useKeys";

/** The frame of all pages: lets in only who is signed in, and brings everybody back to where they wanted to go. */
export function Shell() {
  const session = useSession();
  const setUp = useSetUpNeeded(session.data === null);
  const { pathname, search, hash } = useLocation();
  if (session.data) return <Inside />;
  if (session.data === null && setUp.data === true) return <Navigate to={paths.setup} replace />;
  if (session.data === null && setUp.data === false) {
    const wanted = pathname + search + hash;
    const back = wanted === "/" ? "" : `?${new URLSearchParams({ back: wanted })}`;
    return <Navigate to={paths.login + back} replace />;
  }
  const failed = session.error ?? setUp.error;
  return failed ? <Unreachable error={failed} retry={() => location.reload()} /> : <Waiting />;
}

function Inside() {
  useLiveCache();
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState(false);
  const [keys, setKeys] = useState(false);
  const { pathname } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: closes on every change of the page
  useEffect(() => setMenu(false), [pathname]);
  useKeys({ "mod+k": () => setPalette(true), "?": () => setKeys(true) });
  const frame = useMemo(
    () => ({
      openMenu: () => setMenu(true),
      openPalette: () => setPalette(true),
      openKeys: () => setKeys(true),
    }),
    [],
  );
  return (
    <FrameContext value={frame}>
      <a className="sr skip" href="#main">
        Skip to content
      </a>
      <div className="shell">
        <Side />
        <main className="main" id="main" tabIndex={-1}>
          <Outlet />
          <div id="overlays" />
        </main>
      </div>
      <Drawer.Root opened={menu} onClose={() => setMenu(false)} position="left" size={260} lockScroll={false}>
        <Drawer.Overlay backgroundOpacity={0.28} />
        <Drawer.Content aria-label="Menu">
          <Side search={() => setMenu(false)} />
        </Drawer.Content>
      </Drawer.Root>
      <Palette opened={palette} onClose={() => setPalette(false)} />
      <KeysHelp opened={keys} onClose={() => setKeys(false)} />
    </FrameContext>
  );
}

const PAGES = [
  { to: paths.overview, icon: IconHome, label: "Overview" },
  { to: paths.integrations, icon: IconLayoutGrid, label: "Integrations" },
  { to: paths.syncs, icon: IconRefresh, label: "Syncs" },
  { to: paths.imports(), icon: IconDatabaseImport, label: "Imports" },
  { to: paths.dataIn(), icon: IconActivity, label: "Data In" },
  { to: paths.people, icon: IconUsers, label: "People" },
  { to: paths.destinations, icon: IconSend, label: "Destinations" },
] as const;

/** `search` in the drawer of phones: what to do before the palette opens. */
function Side({ search }: { search?: () => void }) {
  const status = useStatus().data;
  const { openPalette } = useFrame();
  return (
    <nav className="side" aria-label="Main">
      <Link className="brand" to={paths.overview}>
        <Brand />
      </Link>
      {search && (
        <button
          type="button"
          className="nav"
          onClick={() => {
            search();
            openPalette();
          }}
        >
          <IconSearch aria-hidden />
          Search and jump
        </button>
      )}
      {PAGES.map(({ to, icon: Icon, label }) => (
        <NavLink key={to} className="nav" to={to} end={to === paths.overview}>
          <Icon aria-hidden />
          {label}
          {label === "Overview" && <Attention count={status?.attention.length ?? 0} />}
          {label === "Syncs" && !!status?.syncs && <span className="count">{status.syncs}</span>}
          {label === "Imports" && !!status?.live_runs && (
            <span className="count">{status.live_runs} running</span>
          )}
        </NavLink>
      ))}
      <span className="grow" />
      <NavLink className="nav" to={paths.settings()}>
        <IconSettings aria-hidden />
        Settings
      </NavLink>
    </nav>
  );
}

function Attention({ count }: { count: number }) {
  if (count === 0) return null;
  return (
    <span className="count bad">
      {count}
      <span className="sr"> {count === 1 ? "needs" : "need"} attention</span>
    </span>
  );
}

/** The same frame that index.html draws: nothing jumps. */
export function Waiting() {
  return (
    <div className="shell" aria-busy="true">
      <div className="side">
        <span className="brand">
          <Brand />
        </span>
      </div>
      <main className="main">
        <div className="top" />
        <span className="sr" role="status">
          Loading
        </span>
      </main>
    </div>
  );
}

function Unreachable({ error, retry }: { error: unknown; retry: () => void }) {
  return (
    <main className="gate">
      <title>Headrace</title>
      <div className="gate-sheet">
        <div className="brand">
          <Brand />
        </div>
        <ErrorBox error={error} retry={retry} />
      </div>
    </main>
  );
}
