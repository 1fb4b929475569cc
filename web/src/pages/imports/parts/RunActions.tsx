import { Button, Menu } from "@mantine/core";
import { IconActivity, IconChevronDown, IconDownload, IconPlayerStop, IconSend } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { hasFailedRows, isLive } from "../../../api/live-cache";
import { failuresFile } from "../../../api/queries-failures";
import { type Run, useCancelRun } from "../../../api/queries-runs";
import { useMay } from "../../../api/queries-session";
import { paths } from "../../../paths";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import { useMayPreview } from "./mayPreview";
import { ResendDialog } from "./ResendDialog";

/** What can be done about a run, as far as the person may. */
export function RunActions({ run }: { run: Run }) {
  const operate = useMay("operate");
  const preview = useMayPreview();
  const failed = hasFailedRows(run);
  const live = isLive(run);
  return (
    <div className="row-h wrap run-actions">
      {operate && live && <Cancel run={run} />}
      {operate && !live && failed && <Resend run={run} />}
      {preview && !live && failed && <Download run={run} />}
      {preview && (
        <Button
          component={Link}
          to={paths.dataIn({ run: run.id })}
          leftSection={<IconActivity size={14} stroke={1.7} />}
        >
          Calls in Data In
        </Button>
      )}
    </div>
  );
}

function Cancel({ run }: { run: Run }) {
  const [asks, setAsks] = useState(false);
  const cancel = useCancelRun();
  return (
    <>
      <Button
        leftSection={<IconPlayerStop size={14} stroke={1.7} />}
        disabled={run.cancel_requested}
        onClick={() => setAsks(true)}
      >
        {run.cancel_requested ? "Stopping" : "Cancel"}
      </Button>
      <ConfirmDialog
        opened={asks}
        onClose={() => setAsks(false)}
        title={`Cancel this import of ${run.sync}?`}
        action="Cancel import"
        onConfirm={() => cancel.mutateAsync(run.id)}
      >
        It stops as soon as the requests that are on their way are answered. What was delivered stays
        delivered. <code>last_sync_time</code> does not move: the next run reads the same rows again.
      </ConfirmDialog>
    </>
  );
}

function Resend({ run }: { run: Run }) {
  const [asks, setAsks] = useState(false);
  return (
    <>
      <Button leftSection={<IconSend size={14} stroke={1.7} />} onClick={() => setAsks(true)}>
        Resend failed
      </Button>
      <ResendDialog run={run} opened={asks} onClose={() => setAsks(false)} />
    </>
  );
}

const FILES = [
  { ending: "csv", label: "CSV, for spreadsheets" },
  { ending: "jsonl", label: "JSON lines, for programs" },
  { ending: "parquet", label: "Parquet, for data tools" },
] as const;

function Download({ run }: { run: Run }) {
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <Button
          leftSection={<IconDownload size={14} stroke={1.7} />}
          rightSection={<IconChevronDown size={14} stroke={1.7} />}
        >
          Download
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>All failed rows, with reasons</Menu.Label>
        {FILES.map(({ ending, label }) => (
          <Menu.Item key={ending} component="a" href={failuresFile(run.id, ending)} download>
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
