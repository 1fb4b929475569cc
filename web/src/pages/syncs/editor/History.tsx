import { Button, SegmentedControl } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { Link } from "react-router";
import type { Schemas } from "../../../api/client";
import type { Definition } from "../../../api/queries-connections";
import { useVersions } from "../../../api/queries-syncs";
import { CodeBlock } from "../../../ui/CopyField";
import { Time } from "../../../ui/numbers";
import { EmptyState, Loaded } from "../../../ui/states";
import { useParam, useParamLink } from "../../../ui/url";
import { author } from "./ConflictDialog";
import { Differences } from "./Differences";

type Version = Schemas["VersionShown"];

interface HistoryProps {
  name: string;
  /** Takes a version into the draft; absent where nothing may be edited. */
  restore?: ((version: Definition, newest: Definition) => void) | undefined;
}

/** What the sync was: its versions, what each changed, and the way back. */
export function History({ name, restore }: HistoryProps) {
  return (
    <Loaded query={useVersions(name)}>
      {([newest, ...older]) =>
        newest === undefined ? (
          <EmptyState icon={IconHistory} title="No versions yet">
            Each time the sync is saved, what it was is kept here.
          </EmptyState>
        ) : (
          <Versions newest={newest} older={older} restore={restore} />
        )
      }
    </Loaded>
  );
}

interface VersionsProps extends Pick<HistoryProps, "restore"> {
  newest: Version;
  older: readonly Version[];
}

function Versions({ newest, older, restore }: VersionsProps) {
  const all = [newest, ...older];
  const [wanted] = useParam("version");
  const link = useParamLink();
  const open = all.find(({ version }) => String(version) === wanted) ?? newest;
  return (
    <div className="history">
      <nav className="versions" aria-label="Versions">
        {all.map((one) => (
          <Link
            key={one.version}
            to={link("version", one === newest ? null : String(one.version))}
            aria-current={one === open || undefined}
          >
            <b>
              Version {one.version}
              {one === newest && <span className="faint"> · now</span>}
            </b>
            <span className="muted clip">{author(one.by)}</span>
            <span className="faint">
              <Time at={one.at} />
            </span>
          </Link>
        ))}
      </nav>
      <Shown
        key={open.version}
        version={open}
        before={all[all.indexOf(open) + 1]}
        newest={newest}
        restore={restore}
      />
    </div>
  );
}

interface ShownProps extends Pick<HistoryProps, "restore"> {
  version: Version;
  before: Version | undefined;
  newest: Version;
}

const AGAINST = [
  { value: "before", label: "What it changed" },
  { value: "now", label: "Against now" },
];

function Shown({ version, before, newest, restore }: ShownProps) {
  const [against, setAgainst] = useParam("against", "replace");
  const old = version !== newest;
  const other = against === "now" && old ? newest : before;
  const name = (one: Version) => `version ${one.version}`;
  const [from, to] = other === newest && old ? [version, newest] : [other, version];
  return (
    <section className="version" aria-label={`Version ${version.version}`}>
      <div className="version-head">
        <h2>Version {version.version}</h2>
        {old && (
          <SegmentedControl
            aria-label="Compare"
            data={AGAINST}
            value={against === "now" ? "now" : "before"}
            onChange={(next) => setAgainst(next === "now" ? next : null)}
          />
        )}
        <span className="push" />
        {restore && old && (
          <Button
            leftSection={<IconHistory size={14} />}
            onClick={() => restore(version.definition, newest.definition)}
          >
            Restore into the draft
          </Button>
        )}
      </div>
      {from ? (
        <Differences before={from.definition} after={to.definition} names={[name(from), name(to)]} />
      ) : (
        <div className="stack-v">
          <p className="muted">The first version: with this query it began.</p>
          <CodeBlock label="query" code={String(version.definition.query ?? "")} />
        </div>
      )}
    </section>
  );
}
