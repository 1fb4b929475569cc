import "./settings.css";
import { IconLock } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { Navigate, NavLink, Outlet, useLocation } from "react-router";
import { useMe } from "../../api/queries-session";
import { paths } from "../../paths";
import { PageBody, PageHead } from "../../ui/PageHead";
import { EmptyState } from "../../ui/states";
import { AREAS, type Area } from "./areas";

const CRUMBS = [{ label: "Settings", to: paths.settings() }];
const GROUPS = ["You", "Access", "Service"] as const;

/** The frame of all settings: what the person may open at the side, and the open page. */
export function Settings() {
  const { actions } = useMe();
  const { pathname } = useLocation();
  const open = AREAS.find(({ path }) => pathname.startsWith(paths.settings(path)));
  const allowed = open === undefined || actions.includes(open.needs);
  return (
    <>
      <PageHead title={open?.label ?? "Settings"} crumbs={CRUMBS} />
      <div className="settings">
        <Side areas={AREAS.filter(({ needs }) => actions.includes(needs))} />
        <PageBody label={open ? `Settings: ${open.label}` : "Settings"}>
          {allowed ? <Outlet /> : <NotForYou />}
        </PageBody>
      </div>
    </>
  );
}

export function ToAccount() {
  return <Navigate to={paths.settings("account")} replace />;
}

function Side({ areas }: { areas: readonly Area[] }) {
  const nav = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  // On phones the pages stand in one line that scrolls: the open one is always seen.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever another page is open
  useEffect(() => {
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [pathname]);
  return (
    <nav className="settings-nav" aria-label="Settings" ref={nav}>
      {GROUPS.map((group) => {
        const inGroup = areas.filter((area) => area.group === group);
        return (
          inGroup.length > 0 && (
            <div key={group}>
              <p className="wide-only faint">{group}</p>
              {inGroup.map(({ path, label, icon: Icon }) => (
                <NavLink key={path} className="nav" to={paths.settings(path)}>
                  <Icon aria-hidden />
                  {label}
                </NavLink>
              ))}
            </div>
          )
        );
      })}
    </nav>
  );
}

function NotForYou() {
  return (
    <EmptyState icon={IconLock} title="Only owners see this page">
      Ask an owner of this service if you need something changed here.
    </EmptyState>
  );
}
