import { useParams } from "react-router";
import { usePerson, type WholePerson } from "../../api/queries-workspaces";
import { paths } from "../../paths";
import { CopyField } from "../../ui/CopyField";
import { Facts } from "../../ui/Kpi";
import { Time } from "../../ui/numbers";
import { PageBody, PageHead } from "../../ui/PageHead";
import { Tabs, useTab } from "../../ui/Tabs";
import { Attributes } from "./parts/Attributes";
import { Devices } from "./parts/Devices";
import { Events } from "./parts/Events";
import { InWorkspace } from "./parts/InWorkspace";
import { Missing } from "./parts/Missing";
import { nameOf } from "./parts/PersonName";
import { PersonRelationships } from "./parts/Relationships";

type Tab = "attributes" | "events" | "relationships" | "devices";

/** One person of a workspace. */
export function Person() {
  const { id = "" } = useParams();
  return (
    <InWorkspace title="Person">
      {(workspace) => <Known key={id} workspace={workspace} id={Number(id)} />}
    </InWorkspace>
  );
}

function Known({ workspace, id }: { workspace: string; id: number }) {
  const person = usePerson(workspace, id);
  const crumb = { label: "People", to: paths.peopleOf(workspace) };
  if (person.data === undefined) return <Missing title="Person" crumb={crumb} query={person} />;
  return (
    <>
      <PageHead title={nameOf(person.data)} crumbs={[crumb]} />
      <Whole workspace={workspace} person={person.data} />
    </>
  );
}

function Whole({ workspace, person }: { workspace: string; person: WholePerson }) {
  const tabs: [TabOf, TabOf, TabOf, TabOf] = [
    { value: "attributes", label: "Attributes", count: Object.keys(person.attributes).length },
    { value: "events", label: "Events" },
    { value: "relationships", label: "Relationships" },
    { value: "devices", label: "Devices", count: person.devices.length },
  ];
  const tab = useTab<Tab>(tabs);
  return (
    <>
      <Tabs label="Person" tabs={tabs} keep={["workspace"]} />
      <PageBody label="Person">
        <div className="section head-facts">
          <Facts
            facts={[
              ["E-mail", text(person.email)],
              ["Created", <Time key="created" at={person.created_at} />],
              ["Updated", <Time key="updated" at={person.updated_at} relative />],
            ]}
          />
          <Ids person={person} />
        </div>
        {tab === "attributes" && <Attributes values={person.attributes} />}
        {tab === "events" && <Events workspace={workspace} person={person.id} />}
        {tab === "relationships" && <PersonRelationships workspace={workspace} person={person.id} />}
        {tab === "devices" && <Devices devices={person.devices} />}
      </PageBody>
    </>
  );
}

interface TabOf {
  value: Tab;
  label: string;
  count?: number;
}

/** By what calls find this person. */
function Ids({ person }: { person: WholePerson }) {
  const ids: [string, string][] = person.anonymous_ids.map((id) => ["anonymousId", id]);
  if (person.user_id !== null) ids.unshift(["userId", person.user_id]);
  return (
    <div className="ids">
      {ids.map(([label, id]) => (
        <div key={`${label} ${id}`} className="id">
          <span className="faint">{label}</span>
          <CopyField label={label} value={id} />
        </div>
      ))}
    </div>
  );
}

function text(value: string | null) {
  return value === null ? <span className="faint">–</span> : <bdi>{value}</bdi>;
}
