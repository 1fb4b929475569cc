import { unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { base, language, reading } from "./extensions";

const NO_TABLES: never[] = [];

/** Two texts of a query in one: what was taken out, and what was put in. */
export default function QueryDiff({ before, after }: { before: string; after: string }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (host.current === null) return;
    const extensions = [
      base,
      language("", NO_TABLES),
      reading(true),
      EditorView.contentAttributes.of({ "aria-label": "Changes of the query", tabindex: "0" }),
      unifiedMergeView({
        original: before,
        mergeControls: false,
        collapseUnchanged: { margin: 3, minSize: 6 },
      }),
    ];
    const view = new EditorView({
      parent: host.current,
      state: EditorState.create({ doc: after, extensions }),
    });
    return () => view.destroy();
  }, [before, after]);
  return <div className="diff" ref={host} />;
}
