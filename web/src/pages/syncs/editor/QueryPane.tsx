import { lazy, Suspense, useRef } from "react";
import { useSchema } from "../../../api/queries-previews";
import { useMay, useMe } from "../../../api/queries-session";
import type { SqlHandle } from "../../../editor/SqlEditor";
import { ErrorBox } from "../../../ui/states";
import { useParam } from "../../../ui/url";
import { useKeys } from "../../../ui/useKeys";
import { type Put, type SyncForm, textOf } from "./form";
import { problemOf } from "./problemOf";
import { QueryTools } from "./QueryTools";
import { Results } from "./Results";
import { Split } from "./Splitter";
import type { Preview } from "./usePreview";

const SqlEditor = lazy(() => import("../../../editor/SqlEditor"));
const NO_TABLES: never[] = [];

interface QueryPaneProps {
  form: SyncForm;
  put: Put;
  preview: Preview;
  /** Where the sync stands; 0 for a new one. */
  standsAt: number;
  readOnly: boolean;
  /** Errors of saving, over the editor. */
  error?: unknown;
}

/** The query, and below it the rows that it brings beside the calls they become. */
export function QueryPane({ form, put, preview, standsAt, readOnly, error }: QueryPaneProps) {
  const query = textOf(form.definition, "query");
  const source = textOf(form.definition, "source");
  const may = useMe().preview;
  const edits = useMay("edit");
  const schema = useSchema(source || null, may).data;
  const [full] = useParam("full");
  const editor = useRef<SqlHandle>(null);
  const run = () => may && !preview.running && preview.run();
  useKeys({ "mod+enter": run });
  const dialect = schema?.dialect ?? "";

  const above = (
    <section className="query" aria-label="Query">
      <QueryTools
        form={form}
        put={put}
        preview={preview}
        dialect={dialect}
        standsAt={standsAt}
        readOnly={readOnly}
        insert={(text) => editor.current?.insert(text)}
      />
      {error !== undefined && error !== null && (
        <div className="query-error">
          <ErrorBox error={error} />
        </div>
      )}
      <Suspense fallback={<pre className="sql sql-waiting">{query}</pre>}>
        <SqlEditor
          label="SQL query"
          handle={editor}
          value={query}
          onChange={(text) => put("query", text)}
          dialect={dialect}
          tables={schema?.tables ?? NO_TABLES}
          problem={problemOf(preview.error)}
          readOnly={readOnly || !edits}
        />
      </Suspense>
    </section>
  );
  return (
    <Split
      label="Height of the query"
      direction="rows"
      initial={46}
      only={full === "1" ? "second" : undefined}
      first={above}
      second={<Results preview={preview} call={textOf(form.definition, "call")} />}
    />
  );
}
