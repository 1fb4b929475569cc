import { Checkbox } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { Link } from "react-router";
import { type Connection, useDestinations } from "../../../api/queries-connections";
import { useMay } from "../../../api/queries-session";
import { paths } from "../../../paths";
import { Chip, Tag, type Tone } from "../../../ui/Chip";
import { ErrorBox, Note, Skeleton } from "../../../ui/states";

interface DestinationsFieldProps {
  value: readonly string[];
  onChange: (names: string[]) => void;
  error?: string | undefined;
  disabled: boolean;
}

/** Where the calls go. */
export function DestinationsField({ value, onChange, error, disabled }: DestinationsFieldProps) {
  const destinations = useDestinations();
  const connect = useMay("connect");
  const there = destinations.data ?? [];
  const gone = value.filter((name) => destinations.isSuccess && !there.some((one) => one.name === name));
  return (
    <fieldset className="wheres" disabled={disabled}>
      <legend className="m-label">Destinations</legend>
      {destinations.isPending && <Skeleton lines={2} />}
      <ErrorBox error={destinations.error} retry={() => void destinations.refetch()} />
      {destinations.isSuccess && there.length === 0 && (
        <Note tone="warn">There is no destination yet. Add one, and this sync can send its calls there.</Note>
      )}
      <Checkbox.Group value={[...value]} onChange={onChange} aria-label="Destinations">
        <div className="where-list">
          {there.map((one) => (
            <Where key={one.name} connection={one} disabled={disabled} />
          ))}
          {gone.map((name) => (
            <Checkbox key={name} value={name} disabled={disabled} label={<Gone name={name} />} />
          ))}
        </div>
      </Checkbox.Group>
      {error && <p className="m-error bad">{error}</p>}
      {connect && !disabled && (
        <Link className="link add-link" to={`${paths.integrations}?tab=directory`}>
          <IconPlus size={14} aria-hidden /> Add a destination
        </Link>
      )}
    </fieldset>
  );
}

function Where({ connection, disabled }: { connection: Connection; disabled: boolean }) {
  return (
    <Checkbox
      value={connection.name}
      disabled={disabled}
      label={
        <span className="row-h">
          <span className="clip">{connection.name}</span>
          <Tag>{connection.type}</Tag>
          <Health connection={connection} />
        </span>
      }
    />
  );
}

function Gone({ name }: { name: string }) {
  return (
    <span className="row-h">
      <span className="clip">{name}</span>
      <Chip tone="bad">Not there any more</Chip>
    </span>
  );
}

const HEALTH: Readonly<Record<Connection["health"], [Tone, string]>> = {
  working: ["ok", "Working"],
  failing: ["warn", "Failing"],
  broken: ["bad", "Broken"],
  unknown: ["quiet", "Not used yet"],
};

function Health({ connection }: { connection: Connection }) {
  const [tone, word] = HEALTH[connection.health];
  return <Chip tone={tone}>{word}</Chip>;
}
