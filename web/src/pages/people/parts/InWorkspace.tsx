import "../people.css";
import { Button, Select } from "@mantine/core";
import { IconEyeOff, IconUsers } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { type Connection, useDestinations } from "../../../api/queries-connections";
import { useMay } from "../../../api/queries-session";
import { useFreshWorkspace } from "../../../api/queries-workspaces";
import { paths } from "../../../paths";
import { PageBody, PageHead } from "../../../ui/PageHead";
import { EmptyState, Loaded } from "../../../ui/states";
import { useParam } from "../../../ui/url";

interface InWorkspaceProps {
  /** Of the page, for as long as there is no workspace to show. */
  title: string;
  children: (workspace: string) => ReactNode;
}

/** A page about one workspace: the one that the address names, else the one with the most syncs. */
export function InWorkspace({ title, children }: InWorkspaceProps) {
  const may = useMay("preview");
  const [named] = useParam("workspace");
  const destinations = useDestinations();
  if (!may) {
    return (
      <Bare title={title}>
        <Closed />
      </Bare>
    );
  }
  if (named !== null) return <Fresh key={named} workspace={named} page={children} />;
  const [first] = workspaces(destinations.data).toSorted(
    (one, other) => other.syncs.length - one.syncs.length,
  );
  if (first !== undefined) return <Fresh key={first.name} workspace={first.name} page={children} />;
  return (
    <Bare title={title}>
      <Loaded query={destinations}>{() => <None />}</Loaded>
    </Bare>
  );
}

function Fresh({ workspace, page }: { workspace: string; page: (workspace: string) => ReactNode }) {
  useFreshWorkspace(workspace);
  return page(workspace);
}

function workspaces(destinations: readonly Connection[] = []): Connection[] {
  return destinations.filter(({ type }) => type === "workspace");
}

/** The way to another workspace, where there are several. */
export function WorkspaceChoice({ workspace }: { workspace: string }) {
  const names = workspaces(useDestinations().data).map(({ name }) => name);
  const [, set] = useParam("workspace");
  if (names.length < 2 && names.includes(workspace)) return null;
  return (
    <Select
      className="workspace-choice"
      aria-label="Workspace"
      data={names.includes(workspace) ? names : [...names, workspace]}
      value={workspace}
      onChange={set}
    />
  );
}

function Bare({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <PageHead title={title} />
      <PageBody label={title}>{children}</PageBody>
    </>
  );
}

function Closed() {
  return (
    <EmptyState icon={IconEyeOff} title="You may not look at rows of data">
      People, their attributes and events come from rows of data. Ask an owner to let you see rows: Settings,
      People, “May look at rows”.
    </EmptyState>
  );
}

function None() {
  const may = useMay("connect");
  return (
    <EmptyState
      icon={IconUsers}
      title="There is no workspace yet"
      action={
        may && (
          <Button variant="filled" component={Link} to={paths.newDestination("workspace")}>
            Add a workspace
          </Button>
        )
      }
    >
      A workspace is a destination inside Headrace: it keeps the people, objects and events that your syncs
      make, so that you can look at them before you send anything to a real tool.
      {!may && " Ask an owner to add a destination of the type workspace."}
    </EmptyState>
  );
}
