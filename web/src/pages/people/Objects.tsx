import { Select } from "@mantine/core";
import { useMemo } from "react";
import { Link } from "react-router";
import { useObjects, useWorkspace, type WorkspaceObject } from "../../api/queries-workspaces";
import { paths } from "../../paths";
import { Tag } from "../../ui/Chip";
import { type Column, DataTable } from "../../ui/DataTable";
import { Count, count, Time } from "../../ui/numbers";
import { PageBody } from "../../ui/PageHead";
import { SearchField } from "../../ui/SearchField";
import { useParam } from "../../ui/url";
import { Brief } from "./parts/brief";
import { Figures, Heading } from "./parts/Heading";
import { InWorkspace } from "./parts/InWorkspace";
import { Nothing } from "./parts/Nothing";

/** The objects of a workspace: companies, courses, whatever group calls tell of. */
export function Objects() {
  return <InWorkspace title="Objects">{(workspace) => <List workspace={workspace} />}</InWorkspace>;
}

function List({ workspace }: { workspace: string }) {
  const search = useParam("q")[0] ?? "";
  const [type] = useParam("type");
  const objects = useObjects(workspace, type, search);
  const columns = useMemo(() => columnsOf(workspace), [workspace]);
  const searched = search !== "" || type !== null;
  const none = (
    <Nothing workspace={workspace} what="objects" made="calls of the kind group" searched={searched} />
  );
  return (
    <>
      <Heading title="Objects" workspace={workspace} />
      <PageBody label="Objects">
        <Figures workspace={workspace} />
        <search className="tools" aria-label="Search objects">
          <SearchField label="Search ids and attributes" width={320} />
          <TypeChoice workspace={workspace} />
        </search>
        <div className="people-list" data-old={objects.isPlaceholderData || undefined}>
          <DataTable
            label="Objects"
            columns={columns}
            query={objects}
            rowKey={({ id }) => String(id)}
            empty={none}
          />
        </div>
      </PageBody>
    </>
  );
}

function TypeChoice({ workspace }: { workspace: string }) {
  const types = useWorkspace(workspace).data?.object_types ?? [];
  const [type, set] = useParam("type");
  const known = types.map((one) => ({ value: one.type, label: `${one.type} (${count(one.objects)})` }));
  const gone = type !== null && !types.some((one) => one.type === type);
  return (
    <Select
      className="type-choice"
      aria-label="Type"
      placeholder="Any type"
      data={gone ? [...known, { value: type, label: type }] : known}
      value={type}
      onChange={set}
      clearable
      clearButtonProps={{ "aria-label": "Any type" }}
    />
  );
}

function columnsOf(workspace: string): Column<WorkspaceObject>[] {
  return [
    {
      key: "object",
      head: "Object",
      width: "24%",
      spot: "title",
      cell: ({ id, object }) => (
        <Link className="clip person-link" to={paths.object(id, workspace)}>
          <bdi>{object === "" ? "(no id)" : object}</bdi>
        </Link>
      ),
    },
    { key: "type", head: "Type", width: 140, spot: "left", cell: ({ type }) => <Tag>{type}</Tag> },
    {
      key: "attributes",
      head: "Attributes",
      spot: "line",
      cell: ({ attributes }) => <Brief values={attributes} />,
    },
    {
      key: "people",
      head: "People",
      width: 90,
      align: "right",
      spot: "right",
      phone: "people",
      cell: ({ people }) => <Count value={people} />,
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
