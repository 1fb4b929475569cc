import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { type Extension, Prec } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  EditorView,
  MatchDecorator,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";
import { LAST_SYNC_TIME } from "./lastSyncTime";

const KNOWN = /^\{\{\s*last_sync_time\s*\}\}$/;
const MEANING = "When the run before read the database, in Unix seconds; 0 on the first run.";

const decorator = new MatchDecorator({
  regexp: /\{\{\s*[A-Za-z_]\w*\s*\}\}/g,
  decoration: ([found]) => (KNOWN.test(found) ? known : unknown),
});
const known = Decoration.mark({ class: "cm-variable", attributes: { title: MEANING } });
const unknown = Decoration.mark({
  class: "cm-variable cm-variable-unknown",
  attributes: { title: "There is no such variable." },
});

class Chips {
  found: DecorationSet;

  constructor(view: EditorView) {
    this.found = decorator.createDeco(view);
  }

  update(update: ViewUpdate): void {
    this.found = decorator.updateDeco(update, this.found);
  }
}

const chips = ViewPlugin.fromClass(Chips, {
  decorations: ({ found }) => found,
  provide: (plugin) => EditorView.atomicRanges.of((view) => view.plugin(plugin)?.found ?? Decoration.none),
});

/** Variables look like chips, and are passed over and deleted as one. What else colours their text goes inside. */
export const variables: Extension = Prec.lowest(chips);

/** Offers the variable once two braces are typed. */
export function completeVariable(context: CompletionContext): CompletionResult | null {
  const typed = context.matchBefore(/\{\{\s*\w*/);
  if (typed === null) return null;
  return {
    from: typed.from,
    options: [{ label: LAST_SYNC_TIME, type: "variable", info: MEANING, apply: place }],
  };
}

/** Also over the braces that the editor has closed by itself. */
function place(view: EditorView, _: unknown, from: number, to: number): void {
  const after = view.state.sliceDoc(to, to + 2);
  const end = to + (/^\}{0,2}/.exec(after)?.[0].length ?? 0);
  view.dispatch({
    changes: { from, to: end, insert: LAST_SYNC_TIME },
    selection: { anchor: from + LAST_SYNC_TIME.length },
    userEvent: "input.complete",
  });
}
