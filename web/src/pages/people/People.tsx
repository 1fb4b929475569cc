import { useMemo } from "react";
import { type Person, usePeople } from "../../api/queries-workspaces";
import { type Column, DataTable } from "../../ui/DataTable";
import { Time } from "../../ui/numbers";
import { PageBody } from "../../ui/PageHead";
import { SearchField } from "../../ui/SearchField";
import { useParam } from "../../ui/url";
import { Brief } from "./parts/brief";
import { Figures, Heading } from "./parts/Heading";
import { InWorkspace } from "./parts/InWorkspace";
import { Nothing } from "./parts/Nothing";
import { PersonLink } from "./parts/PersonName";

/** Everybody in a workspace, to be searched. */
export function People() {
  return <InWorkspace title="People">{(workspace) => <List workspace={workspace} />}</InWorkspace>;
}

function List({ workspace }: { workspace: string }) {
  const search = useParam("q")[0] ?? "";
  const people = usePeople(workspace, search);
  const columns = useMemo(() => columnsOf(workspace), [workspace]);
  const none = (
    <Nothing workspace={workspace} what="people" made="calls of the kind identify" searched={search !== ""} />
  );
  return (
    <>
      <Heading title="People" workspace={workspace} />
      <PageBody label="People">
        <Figures workspace={workspace} />
        <search className="tools" aria-label="Search people">
          <SearchField label="Search ids and attributes" width={320} />
        </search>
        <div className="people-list" data-old={people.isPlaceholderData || undefined}>
          <DataTable
            label="People"
            columns={columns}
            query={people}
            rowKey={({ id }) => String(id)}
            empty={none}
          />
        </div>
      </PageBody>
    </>
  );
}

function columnsOf(workspace: string): Column<Person>[] {
  return [
    {
      key: "person",
      head: "Person",
      width: "24%",
      spot: "title",
      cell: (person) => <PersonLink person={person} workspace={workspace} />,
    },
    {
      key: "user",
      head: "userId",
      width: "18%",
      spot: "left",
      cell: ({ user_id }) => user_id !== null && <bdi className="clip mono muted cell">{user_id}</bdi>,
    },
    {
      key: "attributes",
      head: "Attributes",
      spot: "line",
      cell: ({ attributes }) => <Brief values={attributes} />,
    },
    {
      key: "updated",
      head: "Updated",
      width: 110,
      align: "right",
      spot: "top-right",
      cell: ({ updated_at }) => (
        <span className="muted">
          <Time at={updated_at} relative />
        </span>
      ),
    },
  ];
}
