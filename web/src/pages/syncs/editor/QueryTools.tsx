import { ActionIcon, Button, Select, Tooltip } from "@mantine/core";
import { IconBraces, IconPlayerPlay, IconPlayerStop, IconTextWrap } from "@tabler/icons-react";
import { useMe } from "../../../api/queries-session";
import { LAST_SYNC_TIME } from "../../../editor/lastSyncTime";
import { Tag } from "../../../ui/Chip";
import { notify } from "../../../ui/notify";
import { CALLS } from "./CallPicker";
import { type Put, type SyncForm, textOf } from "./form";
import { PreviewTime } from "./PreviewTime";
import type { Preview } from "./usePreview";

interface QueryToolsProps {
  form: SyncForm;
  put: Put;
  preview: Preview;
  dialect: string;
  standsAt: number;
  readOnly: boolean;
  insert: (text: string) => void;
}

const KINDS = CALLS.map(({ kind }) => kind);

/** The bar over the query. */
export function QueryTools({ form, put, preview, dialect, standsAt, readOnly, insert }: QueryToolsProps) {
  const may = useMe().preview;
  const query = textOf(form.definition, "query");

  async function tidy() {
    try {
      const { formatted } = await import("../../../editor/format");
      put("query", formatted(query, dialect));
    } catch {
      notify.problem(new Error("the query could not be formatted. Mend what is wrong in it first"));
    }
  }

  return (
    <div className="tools query-tools">
      <Select
        className="call-select"
        aria-label="Type of call"
        data={KINDS}
        disabled={readOnly}
        value={textOf(form.definition, "call") || null}
        onChange={(kind) => put("call", kind)}
      />
      {dialect && (
        <span className="wide-only">
          <Tag>{dialect}</Tag>
        </span>
      )}
      {!readOnly && (
        <>
          <Button
            aria-label="Insert last_sync_time"
            leftSection={<IconBraces size={14} />}
            onClick={() => insert(LAST_SYNC_TIME)}
          >
            last_sync_time
          </Button>
          <Tooltip withinPortal={false} label="Format the query">
            <ActionIcon
              aria-label="Format the query"
              disabled={query.trim() === ""}
              onClick={() => void tidy()}
            >
              <IconTextWrap size={16} stroke={1.7} />
            </ActionIcon>
          </Tooltip>
        </>
      )}
      <span className="push" />
      {may && (
        <>
          <PreviewTime standsAt={standsAt} />
          {preview.running ? (
            <Button leftSection={<IconPlayerStop size={13} />} onClick={preview.stop}>
              Stop
            </Button>
          ) : (
            <Tooltip withinPortal={false} label="Ctrl Enter">
              <Button variant="light" leftSection={<IconPlayerPlay size={13} />} onClick={preview.run}>
                Run Query
              </Button>
            </Tooltip>
          )}
        </>
      )}
    </div>
  );
}
