import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { sql } from "@codemirror/lang-sql";
import { bracketMatching } from "@codemirror/language";
import { lintGutter } from "@codemirror/lint";
import { EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { dialectOf } from "./dialects";
import { look } from "./look";
import { namespaceOf, type Table } from "./tables";
import { completeVariable, variables } from "./variables";

/** What every SQL text has, to be read or written. */
export const base: Extension = [lineNumbers(), drawSelection(), variables, EditorView.lineWrapping, look];

/** What writing needs. Tab leaves the editor, as it does any field; Ctrl+] indents, and Tab takes what is offered. */
export const writing: Extension = [
  history(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  bracketMatching(),
  closeBrackets(),
  autocompletion({ icons: false }),
  lintGutter(),
  keymap.of([
    { key: "Tab", run: acceptCompletion },
    // The page runs the query; what is offered must not cover its rows.
    { key: "Mod-Enter", run: closeAndPass },
    ...closeBracketsKeymap,
    ...completionKeymap,
    ...defaultKeymap.filter(({ key }) => key !== "Mod-Enter"),
    ...historyKeymap,
  ]),
];

function closeAndPass(view: EditorView): boolean {
  closeCompletion(view);
  return false;
}

/** The language, with what its database has to offer. */
export function language(dialect: string, tables: readonly Table[]): Extension {
  const known = dialectOf(dialect);
  return [
    sql({ dialect: known, upperCaseKeywords: true, ...namespaceOf(tables) }),
    known.language.data.of({ autocomplete: completeVariable }),
  ];
}

export function reading(on: boolean): Extension {
  return [EditorState.readOnly.of(on), EditorView.editable.of(!on)];
}
