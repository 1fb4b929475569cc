import { ActionIcon, Tooltip } from "@mantine/core";
import { IconMenu2, IconSearch } from "@tabler/icons-react";
import { Fragment, type ReactNode } from "react";
import { Link } from "react-router";
import { Connection } from "./Connection";
import { useFrame } from "./frame";
import { UserMenu } from "./UserMenu";

export interface Crumb {
  label: string;
  to: string;
}

interface PageHeadProps {
  /** The heading of the page, and the title of the tab. */
  title: string;
  /** The way to it. */
  crumbs?: readonly Crumb[];
  /** Beside the title: a chip, a tag. */
  tag?: ReactNode;
  /** What can be done here; the main action last. */
  children?: ReactNode;
}

/** The bar over every page. */
export function PageHead({ title, crumbs = [], tag, children }: PageHeadProps) {
  const { openMenu, openPalette } = useFrame();
  return (
    <header className="top">
      <title>{`${title} · Headrace`}</title>
      <ActionIcon className="narrow-only" aria-label="Menu" onClick={openMenu}>
        <IconMenu2 size={18} stroke={1.7} />
      </ActionIcon>
      <nav className="crumbs" aria-label="Breadcrumb">
        {crumbs.map((crumb) => (
          <Fragment key={crumb.to}>
            <Link to={crumb.to}>{crumb.label}</Link>
            <i aria-hidden>/</i>
          </Fragment>
        ))}
        <h1>{title}</h1>
      </nav>
      {tag}
      <span className="push" />
      <Connection />
      {children}
      <span className="top-rule wide-only" aria-hidden />
      <Tooltip label="Search and jump (Ctrl K)">
        <ActionIcon className="wide-only" aria-label="Search and jump" onClick={openPalette}>
          <IconSearch size={16} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
      <UserMenu />
    </header>
  );
}

interface PageBodyProps {
  /** Names the region for screen readers. */
  label: string;
  /** Room around the content; tables and bars go without. */
  pad?: boolean;
  children: ReactNode;
}

/** What scrolls below the bar and the tabs. */
export function PageBody({ label, pad = false, children }: PageBodyProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
    <section className={pad ? "scroll pad" : "scroll"} tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
