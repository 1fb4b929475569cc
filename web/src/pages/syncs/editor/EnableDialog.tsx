import { useScheduleHelp } from "../../../api/queries-previews";
import { usesLastSyncTime } from "../../../editor/lastSyncTime";
import { ConfirmDialog } from "../../../ui/ConfirmDialog";
import { moment } from "../../../ui/numbers";
import { listOf, type SyncForm, textOf } from "./form";
import { read } from "./frequency";

interface EnableDialogProps {
  form: SyncForm;
  /** Where the sync stands; 0: nothing was sent yet. */
  standsAt: number;
  opened: boolean;
  onClose: () => void;
  /** Says whether it is done; where not, something else asks for attention. */
  onEnable: () => Promise<unknown>;
}

/** Asks before a sync begins to send, and says what it will send first. */
export function EnableDialog({ form, standsAt, opened, onClose, onEnable }: EnableDialogProps) {
  const { definition } = form;
  const places = listOf(definition, "destinations");
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={`Enable ${form.name || "this sync"}?`}
      action="Enable"
      danger={false}
      onConfirm={onEnable}
    >
      <ul className="enable-facts">
        <li>
          <When definition={definition} />
        </li>
        <li>
          <What query={textOf(definition, "query")} standsAt={standsAt} />
        </li>
        {places.length > 0 && (
          <li>
            The calls go to <b>{places.join(", ")}</b>.
          </li>
        )}
      </ul>
    </ConfirmDialog>
  );
}

function When({ definition }: { definition: SyncForm["definition"] }) {
  const schedule = textOf(definition, "schedule");
  const start = textOf(definition, "start");
  const words = useScheduleHelp(schedule, start || null).data?.words ?? schedule;
  const { kind } = read(schedule);
  if (kind === "manual") return <>It runs only when somebody starts it: its schedule is manual.</>;
  if (kind === "after") return <>It runs {words}.</>;
  if (start) {
    return (
      <>
        The first run begins <b>{moment(start)}</b>; then it runs {words}.
      </>
    );
  }
  if (kind === "every") {
    return (
      <>
        The first run begins <b>at once</b>; then it runs {words}.
      </>
    );
  }
  return <>It runs {words}.</>;
}

function What({ query, standsAt }: { query: string; standsAt: number }) {
  if (query !== "" && !usesLastSyncTime(query)) {
    return (
      <>
        <b>Every run sends everything</b> that the query returns: it does not ask for what changed since{" "}
        <code>{"{{last_sync_time}}"}</code>.
      </>
    );
  }
  if (standsAt === 0) {
    return (
      <>
        <b>Everything is sent first:</b> <code>last_sync_time</code> is 0 on the first run. Later runs send
        what changed since the run before.
      </>
    );
  }
  return (
    <>
      It goes on where it stopped: with what changed since <b>{moment(standsAt * 1_000)}</b>.
    </>
  );
}
