// JSON as it was written: indented and coloured without being parsed into numbers, so that no digit
// of a large integer changes and no key moves.

export type TokenKind = "key" | "string" | "number" | "word" | "mark" | "blank";

export interface Token {
  kind: TokenKind;
  text: string;
}

const lexer = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\]:,]|\s+/gy;

/** The tokens of JSON text, indented; `undefined` when the text is not JSON. */
export function prettyTokens(text: string): Token[] | undefined {
  const found = tokenize(text);
  return found === undefined ? undefined : indent(found);
}

/** JSON text, indented; text that is no JSON is returned as it is. */
export function prettyText(text: string): string {
  const tokens = prettyTokens(text);
  return tokens === undefined ? text : tokens.map((token) => token.text).join("");
}

function tokenize(text: string): string[] | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return (text.match(lexer) ?? []).filter((token) => token.trim() !== "");
}

function indent(found: string[]): Token[] {
  const made: Token[] = [];
  let depth = 0;
  const line = (): void => void made.push({ kind: "blank", text: `\n${"  ".repeat(depth)}` });
  found.forEach((text, at) => {
    const before = found[at - 1];
    const closes = text === "}" || text === "]";
    if (closes) {
      depth -= 1;
    }
    const emptyPair = closes && (before === "{" || before === "[");
    if ((closes && !emptyPair) || (!closes && (before === "{" || before === "[" || before === ","))) {
      line();
    }
    made.push({ kind: kindOf(text, found[at + 1]), text });
    if (text === "{" || text === "[") {
      depth += 1;
    } else if (text === ":") {
      made.push({ kind: "blank", text: " " });
    }
  });
  return made;
}

function kindOf(text: string, next: string | undefined): TokenKind {
  const first = text.charAt(0);
  if (first === '"') {
    return next === ":" ? "key" : "string";
  }
  return "{}[]:,".includes(first) ? "mark" : "tfn".includes(first) ? "word" : "number";
}
