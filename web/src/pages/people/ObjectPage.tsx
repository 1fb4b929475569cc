import { useParams } from "react-router";
import { useObject, type WorkspaceObject } from "../../api/queries-workspaces";
import { paths } from "../../paths";
import { Tag } from "../../ui/Chip";
import { CopyField } from "../../ui/CopyField";
import { Facts } from "../../ui/Kpi";
import { Count, Time } from "../../ui/numbers";
import { PageBody, PageHead } from "../../ui/PageHead";
import { Tabs, useTab } from "../../ui/Tabs";
import { Attributes } from "./parts/Attributes";
import { InWorkspace } from "./parts/InWorkspace";
import { Missing } from "./parts/Missing";
import { ObjectRelationships } from "./parts/Relationships";

/** One object of a workspace, with the people who relate to it. */
export function ObjectPage() {
  const { id = "" } = useParams();
  return (
    <InWorkspace title="Object">
      {(workspace) => <Known key={id} workspace={workspace} id={Number(id)} />}
    </InWorkspace>
  );
}

function Known({ workspace, id }: { workspace: string; id: number }) {
  const object = useObject(workspace, id);
  const crumb = { label: "Objects", to: paths.objects(workspace) };
  if (object.data === undefined) return <Missing title="Object" crumb={crumb} query={object} />;
  return (
    <>
      <PageHead
        title={object.data.object || "(no id)"}
        crumbs={[crumb]}
        tag={<Tag>{object.data.type}</Tag>}
      />
      <Whole workspace={workspace} object={object.data} />
    </>
  );
}

function Whole({ workspace, object }: { workspace: string; object: WorkspaceObject }) {
  const tabs = [
    { value: "attributes", label: "Attributes", count: Object.keys(object.attributes).length },
    { value: "people", label: "People", count: object.people },
  ] as const;
  const tab = useTab<"attributes" | "people">([...tabs]);
  return (
    <>
      <Tabs label="Object" tabs={[...tabs]} keep={["workspace"]} />
      <PageBody label="Object">
        <div className="section head-facts">
          <Facts
            facts={[
              ["People", <Count key="people" value={object.people} />],
              ["Created", <Time key="created" at={object.created_at} />],
              ["Updated", <Time key="updated" at={object.updated_at} relative />],
            ]}
          />
          <div className="id">
            <span className="faint">groupId</span>
            <CopyField label="groupId" value={object.object} />
          </div>
        </div>
        {tab === "attributes" ? (
          <Attributes values={object.attributes} />
        ) : (
          <ObjectRelationships workspace={workspace} object={object.id} />
        )}
      </PageBody>
    </>
  );
}
