import { useNavigate } from "react-router";
import type { Sync } from "../../../api/queries-syncs";
import { paths } from "../../../paths";
import type { Draft } from "../../../ui/draft";
import { fieldErrors } from "../../../ui/fieldErrors";
import { PageBody } from "../../../ui/PageHead";
import { ErrorBox, Note } from "../../../ui/states";
import { useTab } from "../../../ui/Tabs";
import { isReceived } from "../list/RunNow";
import { SyncOverview } from "../list/SyncOverview";
import { DetailsForm } from "./DetailsForm";
import { DraftNotes } from "./DraftNotes";
import { FIELDS, restored, type SyncForm, withPut } from "./form";
import { History } from "./History";
import { QueryPane } from "./QueryPane";
import { Steps } from "./Steps";
import type { Preview } from "./usePreview";

const TABS = [
  { value: "overview", label: "Overview" },
  { value: "query", label: "Query" },
  { value: "settings", label: "Settings" },
  { value: "history", label: "History" },
] as const;

interface SyncTabsProps {
  sync: Sync;
  draft: Draft<SyncForm>;
  preview: Preview;
  /** Why it could not be saved. */
  error: unknown;
  edits: boolean;
  /** Shows what somebody else saved. */
  compare: () => void;
}

/** The views of one sync; query and settings are of one draft. */
export function SyncTabs(props: SyncTabsProps) {
  const { sync, draft, compare } = props;
  const wanted = useTab([...TABS]);
  const tabs = TABS.filter(({ value }) => value !== "query" || !isReceived(sync));
  const open = tabs.some(({ value }) => value === wanted) ? wanted : "overview";
  return (
    <>
      <Steps label="Views of the sync" param="tab" open={open} steps={tabs} />
      <DraftNotes draft={draft} compare={compare} />
      {open === "overview" && (
        <PageBody label="Overview">
          <SyncOverview name={sync.name} />
        </PageBody>
      )}
      {open === "query" && <Query {...props} />}
      {open === "settings" && <Settings {...props} />}
      {open === "history" && <Versions {...props} />}
    </>
  );
}

function Query({ sync, draft, preview, error, edits }: SyncTabsProps) {
  const { definition } = draft.value;
  const file = definition.query_file;
  return (
    <>
      {file !== undefined && (
        <div className="draft-bar quiet">The query stands in {String(file)}, and is edited there.</div>
      )}
      <QueryPane
        form={draft.value}
        put={(key, value) => draft.set((old) => withPut(old, key, value))}
        preview={preview}
        standsAt={sync.last_sync_time}
        readOnly={!edits || file !== undefined}
        error={error}
      />
    </>
  );
}

function Settings({ sync, draft, error, edits }: SyncTabsProps) {
  const { at, rest } = fieldErrors(error, `syncs.${sync.name}`, FIELDS);
  return (
    <PageBody label="Settings" pad>
      <div className="measure stack-v">
        {sync.origin === "file" && <Note>This sync stands in {sync.place}, and is edited there.</Note>}
        <ErrorBox error={rest} />
        <DetailsForm
          form={draft.value}
          put={(key, value) => draft.set((old) => withPut(old, key, value))}
          errors={at}
          disabled={!edits}
        />
      </div>
    </PageBody>
  );
}

function Versions({ sync, draft, edits }: SyncTabsProps) {
  const navigate = useNavigate();
  return (
    <PageBody label="History">
      <History
        name={sync.name}
        restore={
          edits
            ? (version, newest) => {
                draft.set((old) => ({ ...old, definition: restored(old.definition, version, newest) }));
                void navigate(paths.sync(sync.name, "query"));
              }
            : undefined
        }
      />
    </PageBody>
  );
}
