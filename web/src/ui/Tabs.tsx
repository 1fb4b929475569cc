import { Link, NavLink, useSearchParams } from "react-router";

export interface Tab<T extends string = string> {
  value: T;
  label: string;
  count?: number;
}

/** The open tab, from `?tab=`; the first one where the address names none. */
export function useTab<T extends string>(tabs: readonly [Tab<T>, ...Tab<T>[]], param = "tab"): T {
  const [params] = useSearchParams();
  return (tabs.find((tab) => tab.value === params.get(param)) ?? tabs[0]).value;
}

interface TabsProps<T extends string> {
  label: string;
  tabs: readonly [Tab<T>, ...Tab<T>[]];
  param?: string;
  /** Search parameters that all tabs have in common. */
  keep?: readonly string[];
}

/** Tabs of one page. Each is a link; what else stands in the address belongs to the tab that is left. */
export function Tabs<T extends string>({ label, tabs, param = "tab", keep = [] }: TabsProps<T>) {
  const open = useTab(tabs, param);
  const [params] = useSearchParams();
  const kept = [...params].filter(([name]) => keep.includes(name));
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(({ value, label: text, count }, at) => (
        <Link
          key={value}
          to={`?${new URLSearchParams(at === 0 ? kept : [...kept, [param, value]])}`}
          aria-current={value === open ? "page" : undefined}
        >
          {text}
          {count !== undefined && <span className="count">{count}</span>}
        </Link>
      ))}
    </nav>
  );
}

/** Tabs that are pages of their own, by path. `end`: only where the path is exactly that. */
export function NavTabs({
  label,
  tabs,
}: {
  label: string;
  tabs: readonly { to: string; label: string; end?: boolean }[];
}) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <NavLink key={tab.to} to={tab.to} end={tab.end ?? false}>
          {tab.label}
        </NavLink>
      ))}
    </nav>
  );
}
