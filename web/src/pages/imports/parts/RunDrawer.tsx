import "../../../charts/charts.css";
import "../imports.css";
import { useEffect, useEffectEvent } from "react";
import { Link } from "react-router";
import { useRun } from "../../../api/queries-runs";
import { paths } from "../../../paths";
import { StateChip } from "../../../ui/Chip";
import { CopyButton } from "../../../ui/CopyField";
import { Drawer } from "../../../ui/Drawer";
import { Loaded } from "../../../ui/states";
import { useParam } from "../../../ui/url";
import { RunDetail } from "./RunDetail";

const WIDTH = 680;

/** One run, while the address names it: `?run=20261123-190000-7k2m9q`. */
export function RunDrawer() {
  useForgetting();
  return (
    <Drawer param="run" label="Import" size={WIDTH} head={(id) => <Head id={id} />}>
      {(id) => <Content id={id} key={id} />}
    </Drawer>
  );
}

/** What is unfolded inside is forgotten when it closes. */
function useForgetting(): void {
  const [run] = useParam("run");
  const [reason, setReason] = useParam("reason", "replace");
  const forget = useEffectEvent(() => setReason(null));
  useEffect(() => {
    if (run === null && reason !== null) forget();
  }, [run, reason]);
}

function Head({ id }: { id: string }) {
  const run = useRun(id).data;
  return (
    <>
      <h2 className="clip">{run ? <Link to={paths.sync(run.sync)}>{run.sync}</Link> : "Import"}</h2>
      {run && <StateChip state={run.state} />}
      <span className="faint mono clip run-id">{id}</span>
      <span className="wide-only">
        <CopyButton value={id} label="Copy the id of the run" />
      </span>
    </>
  );
}

function Content({ id }: { id: string }) {
  return <Loaded query={useRun(id)}>{(run) => <RunDetail run={run} />}</Loaded>;
}
