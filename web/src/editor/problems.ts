import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import type { Text } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";

/** Something wrong at a place of the query: line and column from 1, as the API tells them. */
export interface Problem {
  line: number;
  column: number | null;
  message: string;
}

/** Underlines what is wrong, and goes there. Null takes the line away. */
export function showProblem(view: EditorView, problem: Problem | null): void {
  if (problem === null) {
    view.dispatch(setDiagnostics(view.state, []));
    return;
  }
  const range = rangeOf(view.state.doc, problem);
  const diagnostic: Diagnostic = { ...range, severity: "error", message: problem.message };
  view.dispatch(setDiagnostics(view.state, [diagnostic]), {
    selection: { anchor: range.from },
    scrollIntoView: true,
  });
}

/** The word at the place; the whole line where no column is told. */
function rangeOf(doc: Text, { line, column }: Problem): { from: number; to: number } {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  if (column === null) return { from: at.from, to: at.to };
  const before = [...at.text].slice(0, column - 1).join(""); // the API counts characters, the editor their halves too
  const from = at.from + before.length;
  const word = /^(?:\w+|\{\{[^}]*\}\}|"[^"]*"|.)/u.exec(at.text.slice(before.length))?.[0] ?? "";
  return word === "" ? { from: Math.max(at.from, from - 1), to: from } : { from, to: from + word.length };
}
