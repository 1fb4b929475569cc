import "./datain.css";
import { Button } from "@mantine/core";
import { IconEyeOff, IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { useLiveState } from "../../api/live";
import { useCalls } from "../../api/queries-calls";
import { useMay } from "../../api/queries-session";
import { Chip } from "../../ui/Chip";
import { DataTable } from "../../ui/DataTable";
import { count } from "../../ui/numbers";
import { PageBody, PageHead } from "../../ui/PageHead";
import { EmptyState } from "../../ui/states";
import { useParam } from "../../ui/url";
import { CallDrawer } from "./parts/CallDrawer";
import { CallFilters } from "./parts/CallFilters";
import { addressOf, COLUMNS } from "./parts/columns";
import { NoCalls } from "./parts/NoCalls";
import { TailBar } from "./parts/TailBar";
import { useCallFilter } from "./parts/useCallFilter";
import { joined, useTail } from "./parts/useTail";

export function DataIn() {
  const may = useMay("preview");
  return may ? <Calls /> : <Closed />;
}

function Calls() {
  const filter = useCallFilter();
  const of = JSON.stringify(filter);
  const kept = useCalls(filter);
  // While the list is paused nothing moves: neither what arrives nor what is read anew comes above what was there.
  const [pause, setPause] = useState<{ of: string; newest: number } | null>(null);
  const tail = useTail(filter, pause !== null, () => void kept.refetch());
  const [open] = useParam("call");

  const all = kept.data && joined(tail.calls, kept.data);
  const ceiling = pause?.of === of ? pause.newest : Number.POSITIVE_INFINITY;
  const rows = all?.filter((call) => call.id <= ceiling);

  function toggle() {
    if (pause === null) return setPause({ of, newest: Math.max(0, ...(rows ?? []).map((call) => call.id)) });
    setPause(null);
    tail.release();
  }

  async function readAgain() {
    await kept.refetch();
    tail.whole();
  }

  return (
    <>
      <PageHead title="Data In" tag={<Watching paused={pause !== null} />}>
        <PauseButton paused={pause !== null} waited={tail.waited} onClick={toggle} />
      </PageHead>
      <CallFilters />
      <TailBar
        shown={rows?.length}
        more={kept.hasNextPage}
        left={tail.left}
        busy={kept.isFetching}
        onRead={readAgain}
      />
      <PageBody label="Calls">
        <div className="calls">
          <DataTable
            label="Calls"
            columns={COLUMNS}
            query={kept}
            rows={rows}
            rowKey={(call) => String(call.id)}
            selected={(call) => open !== null && addressOf(call) === open}
            empty={<NoCalls filtered={of !== "{}"} />}
          />
        </div>
      </PageBody>
      <CallDrawer calls={all ?? []} />
    </>
  );
}

function Watching({ paused }: { paused: boolean }) {
  const state = useLiveState();
  if (state === "lost" || state === "off") return null;
  if (paused) return <Chip tone="warn">Paused</Chip>;
  return (
    <Chip tone="live" pulse>
      {state === "live" ? "Live" : "Connecting"}
    </Chip>
  );
}

function PauseButton({ paused, waited, onClick }: { paused: boolean; waited: number; onClick: () => void }) {
  const Icon = paused ? IconPlayerPlay : IconPlayerPause;
  return (
    <Button className="num" leftSection={<Icon size={14} stroke={1.7} aria-hidden />} onClick={onClick}>
      {paused ? "Resume" : "Pause"}
      {waited > 0 && ` · ${count(waited)} new`}
    </Button>
  );
}

function Closed() {
  return (
    <>
      <PageHead title="Data In" />
      <PageBody label="Calls">
        <EmptyState icon={IconEyeOff} title="You may not look at rows of data">
          Data In shows calls with the rows they were made from. Ask an owner to let you see rows: Settings,
          People, “May look at rows”.
        </EmptyState>
      </PageBody>
    </>
  );
}
