import { Button } from "@mantine/core";
import { useState } from "react";
import { useParams } from "react-router";
import { ApiProblem, type Tagged } from "../../api/client";
import { useMay } from "../../api/queries-session";
import { type Sync as SyncShown, useSync } from "../../api/queries-syncs";
import { paths } from "../../paths";
import { Chip, Managed, SyncChip } from "../../ui/Chip";
import { DraftGuard, useDraft } from "../../ui/draft";
import { notify } from "../../ui/notify";
import { PageBody, PageHead } from "../../ui/PageHead";
import { Loaded } from "../../ui/states";
import { useKeys } from "../../ui/useKeys";
import { NotFound } from "../NotFound";
import { ConflictDialog } from "./editor/ConflictDialog";
import "./editor/editor.css";
import { EnableDialog } from "./editor/EnableDialog";
import type { SyncForm } from "./editor/form";
import { usePreviewTime } from "./editor/PreviewTime";
import { SyncTabs } from "./editor/SyncTabs";
import { usePreview } from "./editor/usePreview";
import { useSaving } from "./editor/useSaving";
import { useWholeDefinition } from "./editor/useWholeDefinition";

/** One sync: how it stands, its query, its settings and what it was. */
export function Sync() {
  const { name = "" } = useParams();
  const sync = useSync(name);
  if (sync.data) return <Editor key={name} tagged={sync.data} />;
  if (sync.error instanceof ApiProblem && sync.error.status === 404) {
    return (
      <NotFound title={`There is no sync ${name}`} to={paths.syncs} link="All syncs">
        It may have been deleted, or it has another name.
      </NotFound>
    );
  }
  return (
    <>
      <PageHead title={name} crumbs={[{ label: "Syncs", to: paths.syncs }]} />
      <PageBody label={name}>
        <Loaded query={sync}>{() => null}</Loaded>
      </PageBody>
    </>
  );
}

function Editor({ tagged: { value: sync } }: { tagged: Tagged<SyncShown> }) {
  const { name } = sync;
  const managed = sync.origin === "file";
  const edits = useMay("edit") && !managed;
  const operates = useMay("operate");
  const definition = useWholeDefinition(sync);
  const draft = useDraft<SyncForm>(`sync/${name}`, { name, definition });
  const saving = useSaving(name, draft);
  const [asking, setAsking] = useState(false);
  const lastSyncTime = usePreviewTime(sync.last_sync_time);
  // Whoever may not edit has the saved query run, as it stands.
  const preview = usePreview({
    definition: draft.value.definition,
    saved: edits ? null : name,
    lastSyncTime,
  });

  async function save() {
    if (!edits || !draft.dirty || saving.busy) return;
    const saved = await saving.save().catch(notify.problem);
    if (saved) notify.ok(`Sync ${name} is saved.`);
  }
  async function enable() {
    if (!(await saving.save())) return;
    await saving.enable();
    notify.ok(`Sync ${name} is enabled.`);
  }
  useKeys({ "mod+s": () => void save() });

  return (
    <>
      <PageHead
        title={name}
        crumbs={[{ label: "Syncs", to: paths.syncs }]}
        tag={<Tags sync={sync} dirty={draft.dirty} />}
      >
        {edits && draft.dirty && (
          <Button
            variant={sync.enabled ? "filled" : "default"}
            loading={saving.busy}
            onClick={() => void save()}
          >
            Save
          </Button>
        )}
        {operates && !sync.enabled && (
          <Button variant="filled" onClick={() => setAsking(true)}>
            Enable
          </Button>
        )}
      </PageHead>
      <SyncTabs
        sync={sync}
        draft={draft}
        preview={preview}
        error={saving.error}
        edits={edits}
        compare={saving.openConflict}
      />
      <EnableDialog
        form={draft.value}
        standsAt={sync.last_sync_time}
        opened={asking}
        onClose={() => setAsking(false)}
        onEnable={enable}
      />
      <ConflictDialog
        opened={saving.conflict}
        onClose={saving.closeConflict}
        sync={sync}
        mine={draft.value}
        takeTheirs={draft.discard}
        keepMine={saving.overwrite}
      />
      <DraftGuard draft={draft} />
    </>
  );
}

function Tags({ sync, dirty }: { sync: SyncShown; dirty: boolean }) {
  return (
    <>
      <span className="wide-only">
        <SyncChip sync={sync} />
      </span>
      {sync.origin === "file" && <Managed place={sync.place} />}
      {dirty && <Chip tone="warn">Unsaved</Chip>}
    </>
  );
}
