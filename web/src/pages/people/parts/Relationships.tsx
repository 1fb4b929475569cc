import { IconAffiliate } from "@tabler/icons-react";
import { useMemo } from "react";
import { Link } from "react-router";
import { type Relationship, useObjectPeople, useRelationships } from "../../../api/queries-workspaces";
import { paths } from "../../../paths";
import { Tag } from "../../../ui/Chip";
import { type Column, DataTable } from "../../../ui/DataTable";
import { Time } from "../../../ui/numbers";
import { EmptyState } from "../../../ui/states";
import { Brief } from "./brief";
import { PersonLink } from "./PersonName";

/** What a person relates to. */
export function PersonRelationships({ workspace, person }: { workspace: string; person: number }) {
  const related = useRelationships(workspace, person);
  const columns = useMemo(() => [objectOf(workspace), ...REST], [workspace]);
  return <Table label="Relationships" query={related} columns={columns} />;
}

/** Who relates to an object. */
export function ObjectRelationships({ workspace, object }: { workspace: string; object: number }) {
  const related = useObjectPeople(workspace, object);
  const columns = useMemo(() => [personOf(workspace), ...REST.slice(1)], [workspace]);
  return <Table label="People" query={related} columns={columns} />;
}

interface TableProps {
  label: string;
  query: ReturnType<typeof useRelationships>;
  columns: Column<Relationship>[];
}

function Table({ label, query, columns }: TableProps) {
  const none = (
    <EmptyState icon={IconAffiliate} title="No relationships">
      Relationships come of group calls that name a person and an object.
    </EmptyState>
  );
  return (
    <div className="people-list">
      <DataTable label={label} columns={columns} query={query} rowKey={({ id }) => String(id)} empty={none} />
    </div>
  );
}

/** The workspace tells an object by type and id; both are any text, so the way to it is a search. */
function objectOf(workspace: string): Column<Relationship> {
  return {
    key: "object",
    head: "Object",
    width: "30%",
    spot: "title",
    cell: ({ type, object }) => (
      <Link className="clip person-link" to={paths.objects(workspace, { type, q: object })}>
        <bdi>{object}</bdi>
      </Link>
    ),
  };
}

function personOf(workspace: string): Column<Relationship> {
  return {
    key: "person",
    head: "Person",
    width: "30%",
    spot: "title",
    cell: ({ person, user_id, email }) => (
      <PersonLink person={{ id: person, user_id, email }} workspace={workspace} />
    ),
  };
}

const REST: Column<Relationship>[] = [
  { key: "type", head: "Type", width: 140, spot: "left", cell: ({ type }) => <Tag>{type}</Tag> },
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
