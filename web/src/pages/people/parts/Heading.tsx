import { useWorkspace } from "../../../api/queries-workspaces";
import { paths } from "../../../paths";
import { Kpi, Kpis } from "../../../ui/Kpi";
import { Count } from "../../../ui/numbers";
import { PageHead } from "../../../ui/PageHead";
import { NavTabs } from "../../../ui/Tabs";
import { WorkspaceChoice } from "./InWorkspace";

/** The head of the two lists of a workspace. */
export function Heading({ title, workspace }: { title: string; workspace: string }) {
  const tabs = [
    { to: paths.peopleOf(workspace), label: "People", end: true },
    { to: paths.objects(workspace), label: "Objects", end: true },
  ];
  return (
    <>
      <PageHead title={title}>
        <WorkspaceChoice workspace={workspace} />
      </PageHead>
      <NavTabs label="Workspace" tabs={tabs} />
    </>
  );
}

/** How much is in it. */
export function Figures({ workspace }: { workspace: string }) {
  const holds = useWorkspace(workspace).data;
  const figure = (value: number | undefined) =>
    value === undefined ? <span className="faint">–</span> : <Count value={value} />;
  return (
    <Kpis>
      <Kpi label="People" value={figure(holds?.people)} />
      <Kpi label="Anonymous" value={figure(holds?.anonymous)} />
      <Kpi label="Events" value={figure(holds?.events)} />
      <Kpi label="Objects" value={figure(holds?.objects)} />
      <Kpi label="Relationships" value={figure(holds?.relationships)} />
      <Kpi label="Devices" value={figure(holds?.devices)} />
    </Kpis>
  );
}
