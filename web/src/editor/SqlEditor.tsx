import { isolateHistory } from "@codemirror/commands";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { type Ref, useEffect, useEffectEvent, useImperativeHandle, useRef } from "react";
import { base, language, reading, writing } from "./extensions";
import { type Problem, showProblem } from "./problems";
import type { Table } from "./tables";

export interface SqlHandle {
  /** Puts text in the place of what is selected. */
  insert: (text: string) => void;
  focus: () => void;
}

export interface SqlEditorProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** The API's word for it: `postgresql`. */
  dialect: string;
  /** What the database has, to be completed. */
  tables: readonly Table[];
  problem: Problem | null;
  readOnly?: boolean;
  handle?: Ref<SqlHandle>;
}

/** Where a query is written. Loaded when it is needed: it is the largest part of the page. */
export default function SqlEditor({
  label,
  value,
  onChange,
  dialect,
  tables,
  problem,
  readOnly = false,
  handle,
}: SqlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const parts = useRef({ language: new Compartment(), reading: new Compartment() }).current;
  const changed = useEffectEvent(onChange);
  const begin = useEffectEvent((parent: HTMLElement) => {
    const extensions = [
      base,
      writing,
      parts.language.of(language(dialect, tables)),
      parts.reading.of(reading(readOnly)),
      EditorView.contentAttributes.of({ "aria-label": label }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) changed(update.state.doc.toString());
      }),
    ];
    return new EditorView({ parent, state: EditorState.create({ doc: value, extensions }) });
  });

  useEffect(() => {
    if (host.current === null) return;
    const made = begin(host.current);
    view.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    view.current?.dispatch({ effects: parts.language.reconfigure(language(dialect, tables)) });
  }, [parts, dialect, tables]);
  useEffect(() => {
    view.current?.dispatch({ effects: parts.reading.reconfigure(reading(readOnly)) });
  }, [parts, readOnly]);
  useEffect(() => {
    if (view.current !== null) replace(view.current, value);
  }, [value]);
  useEffect(() => {
    if (view.current !== null) showProblem(view.current, problem);
  }, [problem]);
  useImperativeHandle(
    handle,
    () => ({
      insert: (text) => {
        view.current?.dispatch(view.current.state.replaceSelection(text), { scrollIntoView: true });
        view.current?.focus();
      },
      focus: () => view.current?.focus(),
    }),
    [],
  );
  return <div className="sql" ref={host} />;
}

/** The text was changed from outside: it was formatted, restored, or a draft was thrown away. One step to undo. */
function replace(view: EditorView, value: string): void {
  const now = view.state.doc.toString();
  if (now === value) return;
  const anchor = Math.min(view.state.selection.main.head, value.length);
  view.dispatch({
    changes: { from: 0, to: now.length, insert: value },
    selection: { anchor },
    annotations: isolateHistory.of("full"),
  });
}
