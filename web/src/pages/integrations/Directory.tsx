import { Button, SegmentedControl } from "@mantine/core";
import { IconArrowDownLeft, IconArrowUpRight, IconSearchOff } from "@tabler/icons-react";
import { Link } from "react-router";
import { useDestinations, useSources } from "../../api/queries-connections";
import { type Connector, useConnectors } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { SearchField } from "../../ui/SearchField";
import { EmptyState, Loaded, Note } from "../../ui/states";
import { useParam } from "../../ui/url";
import { Mark } from "./parts/Mark";

const SHOWN = [
  { value: "all", label: "All" },
  { value: "in", label: "Data In" },
  { value: "out", label: "Data Out" },
];

/** Every connector that there is, as a tile that leads to its form. */
export function Directory() {
  const connectors = useConnectors();
  const [text, setText] = useParam("q", "replace");
  const [shown, show] = useParam("show");
  const may = useMay("connect");
  return (
    <>
      <div className="tools">
        <SegmentedControl
          aria-label="Direction"
          data={SHOWN}
          value={shown ?? "all"}
          onChange={(value) => show(value === "all" ? null : value)}
        />
        <span className="push" />
        <SearchField label="Search integrations" />
      </div>
      {!may && (
        <div className="pad tiles-note">
          <Note>Owners connect databases and destinations. Ask one of them to connect what you need.</Note>
        </div>
      )}
      <Loaded query={connectors} loading={<Waiting />}>
        {(all) => {
          const hits = found(all, text ?? "", shown);
          return hits.length > 0 ? (
            <Tiles connectors={hits} may={may} />
          ) : (
            <EmptyState
              icon={IconSearchOff}
              title={`Nothing is called “${text ?? ""}”`}
              action={<Button onClick={() => setText(null)}>Show all</Button>}
            >
              Try another word: a database, a format such as Parquet, or where your calls go.
            </EmptyState>
          );
        }}
      </Loaded>
    </>
  );
}

function found(all: readonly Connector[], text: string, shown: string | null): Connector[] {
  const words = text.toLowerCase().split(/\s+/);
  return all.filter(({ role, type, title, summary }) => {
    const told = `${title} ${type} ${summary}`.toLowerCase();
    const direction = shown === null || (role === "source") === (shown === "in");
    return direction && words.every((word) => told.includes(word));
  });
}

function Tiles({ connectors, may }: { connectors: readonly Connector[]; may: boolean }) {
  const sources = useSources().data ?? [];
  const destinations = useDestinations().data ?? [];
  return (
    <ul className="tiles" aria-label="Integrations">
      {connectors.map((connector) => {
        const { role, type } = connector;
        const there = (role === "source" ? sources : destinations).filter((one) => one.type === type).length;
        return <Tile key={`${role} ${type}`} connector={connector} there={there} may={may} />;
      })}
    </ul>
  );
}

function Tile({ connector, there, may }: { connector: Connector; there: number; may: boolean }) {
  const { role, type, title, summary } = connector;
  const source = role === "source";
  const Arrow = source ? IconArrowDownLeft : IconArrowUpRight;
  return (
    <li className={may ? "tile open" : "tile"}>
      <Mark type={type} large />
      <h2>
        {may ? <Link to={source ? paths.newSource(type) : paths.newDestination(type)}>{title}</Link> : title}
      </h2>
      <p>{summary}</p>
      <footer>
        <span className="direction">
          <Arrow size={13} stroke={1.8} aria-hidden />
          {source ? "Data In" : "Data Out"}
        </span>
        {there > 0 && <span className="push">{there} connected</span>}
      </footer>
    </li>
  );
}

function Waiting() {
  return (
    <div className="tiles">
      {Array.from({ length: 8 }, (_, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: tiles have nothing but their place
        <div className="tile" key={at}>
          <span className="mark large" />
          <span className="skeleton-line" />
          <span className="skeleton-line" />
        </div>
      ))}
    </div>
  );
}
