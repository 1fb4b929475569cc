import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

const words = HighlightStyle.define([
  { tag: [t.keyword, t.operatorKeyword], color: "var(--code-word)" },
  { tag: [t.string, t.special(t.string)], color: "var(--code-string)" },
  { tag: [t.number, t.bool, t.null], color: "var(--code-number)" },
  { tag: t.comment, color: "var(--code-comment)" },
  { tag: [t.typeName, t.standard(t.name)], color: "var(--code-key)" },
]);

const frame = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--sunken)", color: "var(--text)", fontSize: "12.5px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", overflow: "auto" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 16px 0 8px" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "transparent", border: "0", color: "var(--text-3)" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "40px", padding: "0 10px 0 12px" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 24%, transparent)",
  },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--active)",
    outline: "1px solid var(--line-strong)",
  },
  ".cm-variable": {
    padding: "1px 3px",
    border: "1px solid color-mix(in srgb, var(--accent-text) 35%, transparent)",
    borderRadius: "var(--radius-s)",
    backgroundColor: "var(--accent-wash)",
    color: "var(--accent-text)",
    fontWeight: "500",
  },
  ".cm-variable *, &.cm-focused .cm-variable .cm-matchingBracket": {
    outline: "none",
    backgroundColor: "transparent",
    color: "inherit",
  },
  ".cm-variable-unknown": {
    borderColor: "color-mix(in srgb, var(--bad) 35%, transparent)",
    backgroundColor: "var(--bad-wash)",
    color: "var(--bad)",
  },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad-bar)",
    textDecorationSkipInk: "none",
    textUnderlineOffset: "3px",
  },
  ".cm-gutter-lint": { width: "12px" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "6px 0 0 4px" },
  ".cm-lint-marker": {
    width: "8px",
    height: "8px",
    content: '""',
    borderRadius: "50%",
    background: "var(--bad-bar)",
  },
  ".cm-tooltip": {
    overflow: "hidden",
    border: "1px solid var(--line)",
    borderRadius: "var(--radius)",
    backgroundColor: "var(--sheet)",
    boxShadow: "var(--shadow-2)",
    color: "var(--text)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": {
    maxHeight: "16em",
    fontFamily: "var(--mono)",
    fontSize: "12px",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 10px 3px 6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--active)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--text-2)", fontStyle: "normal" },
  ".cm-completionMatchedText": { color: "var(--accent-text)", fontWeight: "600", textDecoration: "none" },
  ".cm-tooltip.cm-completionInfo": { maxWidth: "260px", padding: "8px 10px", font: "12px/18px var(--font)" },
  ".cm-diagnostic": { padding: "6px 10px", font: "12px/18px var(--font)" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad-bar)" },
  ".cm-panels": { backgroundColor: "var(--sheet)", color: "var(--text)", borderColor: "var(--line)" },
});

/** Colours and sizes, all from the tokens: dark comes by itself. */
export const look: Extension = [frame, syntaxHighlighting(words)];
