import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { flushSync } from "react-dom";
import { useNavigate } from "react-router";
import { useDestinations, useSources } from "../../api/queries-connections";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { DraftGuard, useDraft } from "../../ui/draft";
import { fieldErrors } from "../../ui/fieldErrors";
import { notify } from "../../ui/notify";
import { PageBody, PageHead } from "../../ui/PageHead";
import { EmptyState, ErrorBox } from "../../ui/states";
import { useParam } from "../../ui/url";
import { useKeys } from "../../ui/useKeys";
import { DetailsForm } from "./editor/DetailsForm";
import { DraftNotes } from "./editor/DraftNotes";
import "./editor/editor.css";
import { EnableDialog } from "./editor/EnableDialog";
import { FIELDS, type SyncForm, withPut } from "./editor/form";
import { usePreviewTime } from "./editor/PreviewTime";
import { QueryPane } from "./editor/QueryPane";
import { Steps } from "./editor/Steps";
import { usePreview } from "./editor/usePreview";
import { useMaking } from "./editor/useSaving";

const STEPS = [
  { value: "details", label: "1. Details" },
  { value: "query", label: "2. Query" },
] as const;

/** A sync in two steps: what it is, then the query that brings its rows. */
export function NewSync() {
  const [source] = useParam("source");
  const may = useMay("edit");
  if (may) return <Editor key={source} source={source} />;
  return (
    <>
      <PageHead title="Add sync" crumbs={[{ label: "Syncs", to: paths.syncs }]} />
      <PageBody label="Add sync">
        <EmptyState title="You may not add syncs">An owner can give you the role of an editor.</EmptyState>
      </PageBody>
    </>
  );
}

function Editor({ source }: { source: string | null }) {
  const draft = useDraft<SyncForm>(`sync/+new${source ? `/${source}` : ""}`, useBlank(source));
  const [step, setStep] = useParam("step");
  const [asking, setAsking] = useState(false);
  const form = draft.value;
  const preview = usePreview({ definition: form.definition, saved: null, lastSyncTime: usePreviewTime(0) });
  const { check, make, busy, error } = useMaking(draft);
  const navigate = useNavigate();
  const { at, rest } = fieldErrors(error, `syncs.${form.name.trim()}`, FIELDS);
  const put = (key: string, value: unknown) => draft.set((old) => withPut(old, key, value));

  async function finish(enable: boolean) {
    const name = await make(enable);
    // The page must know that nothing is unsaved before it is left.
    flushSync(draft.done);
    notify.ok(enable ? `Sync ${name} is enabled.` : `Sync ${name} is saved. It runs once it is enabled.`);
    void navigate(paths.sync(name), { replace: true });
  }
  const next = async () => (await check()) && setStep("query");
  const save = () => void finish(false).catch(() => undefined); // `error` says why
  useKeys({ "mod+s": save });

  return (
    <>
      <PageHead title="Add sync" crumbs={[{ label: "Syncs", to: paths.syncs }]}>
        {step === "query" ? (
          <>
            <Button loading={busy && !asking} onClick={save}>
              Save only
            </Button>
            <Button variant="filled" onClick={() => setAsking(true)}>
              Enable
            </Button>
          </>
        ) : (
          <Button variant="filled" loading={busy} onClick={() => void next()}>
            Next: Define query
          </Button>
        )}
      </PageHead>
      <Steps label="Steps" param="step" open={step === "query" ? "query" : "details"} steps={STEPS} />
      <DraftNotes draft={draft} />
      {step === "query" ? (
        <QueryPane form={form} put={put} preview={preview} standsAt={0} readOnly={false} error={error} />
      ) : (
        <PageBody label="Details" pad>
          <div className="measure stack-v">
            <ErrorBox error={rest} />
            <DetailsForm
              form={form}
              put={put}
              rename={(name) => draft.set((old) => ({ ...old, name }))}
              errors={at}
            />
            <div>
              <Button variant="filled" loading={busy} onClick={() => void next()}>
                Next: Define query
              </Button>
            </div>
          </div>
        </PageBody>
      )}
      <EnableDialog
        form={form}
        standsAt={0}
        opened={asking}
        onClose={() => setAsking(false)}
        onEnable={() => finish(true)}
      />
      <DraftGuard draft={draft} />
    </>
  );
}

/** What a new sync begins with. Where there is only one source or destination, it is that. */
function useBlank(source: string | null): SyncForm {
  const sources = useSources().data;
  const destinations = useDestinations().data;
  const onlySource = sources?.length === 1 ? sources[0]?.name : undefined;
  const onlyDestination = destinations?.length === 1 ? destinations[0]?.name : undefined;
  return useMemo(
    () => ({
      name: "",
      definition: {
        source: source ?? onlySource ?? "",
        call: "identify",
        destinations: onlyDestination ? [onlyDestination] : [],
        schedule: "every 15 minutes",
        query: "",
      },
    }),
    [source, onlySource, onlyDestination],
  );
}
