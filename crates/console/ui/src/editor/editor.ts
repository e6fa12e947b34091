// The editor of templates: CodeMirror in a shadow root, where its styles are adopted sheets, which the
// content security policy allows.

import { autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { jinja2 } from "@codemirror/legacy-modes/mode/jinja2";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { Annotation, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { words } from "./words.ts";

/** What is wrong, and where: line and column from 1; column 0 when it is not known. */
export interface PlacedError {
  line: number;
  column: number;
  message: string;
}

export interface EditorOptions {
  label: string;
  value: string;
  lines: number;
  onInput: (value: string) => void;
}

const lineHeight = 20;
/** Marks a change that did not come from the keyboard. */
const fromOutside = Annotation.define<true>();

/** One editor; its host shows it until `destroy`. */
export class TemplateEditor {
  readonly #view: EditorView;

  constructor(host: HTMLElement, options: EditorOptions) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const state = EditorState.create({ doc: options.value, extensions: extensions(options) });
    this.#view = new EditorView({ state, parent: root, root });
  }

  /** Shows another text, unless it is there, and what is wrong with it. */
  show(value: string, errors: PlacedError[]): void {
    const { state } = this.#view;
    if (state.doc.toString() !== value) {
      this.#view.dispatch({
        changes: { from: 0, to: state.doc.length, insert: value },
        annotations: fromOutside.of(true),
      });
    }
    this.#view.dispatch(
      setDiagnostics(
        this.#view.state,
        errors.map((error) => diagnostic(this.#view.state, error)),
      ),
    );
  }

  destroy(): void {
    this.#view.destroy();
  }
}

function extensions({ label, lines, onInput }: EditorOptions): Extension {
  return [
    lineNumbers(),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    bracketMatching(),
    StreamLanguage.define(jinja2),
    syntaxHighlighting(colours),
    autocompletion({ override: [complete], icons: false }),
    keymap.of([...defaultKeymap, ...historyKeymap]),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
    EditorView.theme({ ...theme, ".cm-scroller": { ...theme[".cm-scroller"], minHeight: `${lines * lineHeight}px` } }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged && !update.transactions.some((one) => one.annotation(fromOutside) === true)) {
        onInput(update.state.doc.toString());
      }
    }),
  ];
}

/** Underlines the word at the place, or the whole line when the column is not known. */
function diagnostic(state: EditorState, { line, column, message }: PlacedError): Diagnostic {
  const place = state.doc.line(Math.min(Math.max(1, line), state.doc.lines));
  const from = column === 0 ? place.from : Math.min(place.from + column - 1, place.to);
  const word = column === 0 ? undefined : state.wordAt(from);
  const to = word?.to ?? place.to;
  return {
    from: Math.min(from, to),
    to: Math.max(to, Math.min(from + 1, state.doc.length)),
    severity: "error",
    message,
  };
}

function complete(context: CompletionContext): CompletionResult | null {
  const before = context.state.doc.sliceString(0, context.pos);
  const inside =
    before.lastIndexOf("{{") > before.lastIndexOf("}}") || before.lastIndexOf("{%") > before.lastIndexOf("%}");
  const word = context.matchBefore(/\|?\s*[\w.]*/);
  if (!inside || word === null || (word.from === word.to && !context.explicit)) {
    return null;
  }
  const filter = word.text.startsWith("|");
  const start = word.from + (/^\|?\s*/.exec(word.text)?.[0].length ?? 0);
  return { from: start, options: filter ? words.filters : words.names, validFor: /^[\w.]*$/ };
}

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: [tags.atom, tags.bool], color: "var(--code-word)" },
  { tag: tags.variableName, color: "var(--code-key)" },
  { tag: tags.comment, color: "var(--text-3)" },
  { tag: tags.operator, color: "var(--text-2)" },
]);

const theme: Record<string, Record<string, string>> = {
  "&": {
    color: "var(--text)",
    backgroundColor: "var(--inset)",
    fontSize: "13px",
    borderRadius: "8px",
    border: "1px solid var(--line)",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: `${lineHeight}px`, maxHeight: "60vh" },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { color: "var(--text-3)", backgroundColor: "transparent", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 10px 0 12px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--selection)" },
  ".cm-specialChar": { color: "var(--bad)" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    border: "1px solid var(--line)",
    borderRadius: "8px",
    boxShadow: "var(--shadow)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "14em" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--text-3)", fontStyle: "normal", marginLeft: "1em" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
};
