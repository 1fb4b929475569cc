import { ActionIcon, Button, SegmentedControl, Tooltip } from "@mantine/core";
import { IconMaximize, IconMinimize, IconTable } from "@tabler/icons-react";
import { useState } from "react";
import { useMe } from "../../../api/queries-session";
import { Chip } from "../../../ui/Chip";
import { count } from "../../../ui/numbers";
import { EmptyState, ErrorBox, Note, Skeleton } from "../../../ui/states";
import { useParam } from "../../../ui/url";
import { Inspector } from "./Inspector";
import { RowsTable, type View } from "./RowsTable";
import { Split } from "./Splitter";
import type { Preview } from "./usePreview";

const VIEWS: { value: View; label: string }[] = [
  { value: "both", label: "Both" },
  { value: "rows", label: "Rows" },
  { value: "calls", label: "Calls" },
];
const MOST = 100;

/** What Run Query brought. */
export function Results({ preview, call }: { preview: Preview; call: string }) {
  const [chosen, setView] = useParam("view", "replace");
  const [full, setFull] = useParam("full");
  const [onlyInvalid, setOnlyInvalid] = useState(false);
  const view = VIEWS.find(({ value }) => value === chosen)?.value ?? "both";
  const { shown } = preview;
  const invalid = shown?.rows.filter((row) => row.call === null).length ?? 0;
  return (
    <section className="results" aria-label="Preview" aria-busy={preview.running}>
      <div className="tools results-tools">
        <h2>Preview</h2>
        <Summary preview={preview} />
        {invalid > 0 && (
          <Button
            size="compact-xs"
            variant={onlyInvalid ? "light" : "default"}
            aria-pressed={onlyInvalid}
            onClick={() => setOnlyInvalid(!onlyInvalid)}
          >
            {count(invalid)} invalid
          </Button>
        )}
        <span className="push" />
        {shown !== null && (
          <SegmentedControl
            aria-label="What is shown"
            data={VIEWS}
            value={view}
            onChange={(next) => setView(next === "both" ? null : next)}
          />
        )}
        <Tooltip withinPortal={false} label={full ? "Back to the query" : "Full height"}>
          <ActionIcon
            className="wide-only"
            aria-label="Full height"
            aria-pressed={full === "1"}
            onClick={() => setFull(full ? null : "1")}
          >
            {full ? <IconMinimize size={16} stroke={1.7} /> : <IconMaximize size={16} stroke={1.7} />}
          </ActionIcon>
        </Tooltip>
      </div>
      <Body preview={preview} view={view} call={call} onlyInvalid={onlyInvalid && invalid > 0} />
    </section>
  );
}

function Summary({ preview: { shown, took, running, outdated } }: { preview: Preview }) {
  if (running) return <Chip tone="live">Running</Chip>;
  if (shown === null) return null;
  const rows = shown.rows.length;
  const which = rows === MOST ? `The first ${rows} rows` : `${count(rows)} ${rows === 1 ? "row" : "rows"}`;
  return (
    <>
      <span className="muted num" role="status">
        {which} · {count(took)} ms
      </span>
      {outdated && <Chip tone="warn">Not of this query</Chip>}
    </>
  );
}

interface BodyProps {
  preview: Preview;
  view: View;
  call: string;
  onlyInvalid: boolean;
}

function Body({ preview, view, call, onlyInvalid }: BodyProps) {
  const [selected, setSelected] = useState(1);
  const may = useMe().preview;
  const { shown, error, running } = preview;
  const rows = shown?.rows.filter((row) => !onlyInvalid || row.call === null) ?? [];
  const row = rows.find((one) => one.row === selected) ?? rows[0];
  return (
    <>
      {error !== null && (
        <div className="results-note">
          <ErrorBox error={error} />
        </div>
      )}
      {shown !== null && shown.warnings.length > 0 && (
        <div className="results-note">
          <Note tone="warn">
            {shown.warnings.map((warning) => (
              <p key={warning}>{warning}</p>
            ))}
          </Note>
        </div>
      )}
      {shown === null ? (
        running ? (
          <div className="pad">
            <Skeleton />
          </div>
        ) : (
          error === null && <Before may={may} />
        )
      ) : row === undefined ? (
        <EmptyState title="The query returned no rows">
          It works. With another value of last_sync_time it may find some.
        </EmptyState>
      ) : (
        <Split
          label="Width of the rows"
          direction="columns"
          initial={66}
          only={view === "rows" ? "first" : undefined}
          first={
            <RowsTable
              preview={shown}
              rows={rows}
              view={view}
              call={call}
              selected={row.row}
              select={setSelected}
            />
          }
          second={<Inspector row={row} call={call} />}
        />
      )}
    </>
  );
}

function Before({ may }: { may: boolean }) {
  return may ? (
    <EmptyState icon={IconTable} title="Run the query to see what it becomes">
      Up to {MOST} rows, each beside its call. Nothing is sent.
    </EmptyState>
  ) : (
    <EmptyState icon={IconTable} title="Rows are not shown to you">
      An owner can give you the right to look at rows of data.
    </EmptyState>
  );
}
