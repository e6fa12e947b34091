// Strangers' text, made harmless: control, bidirectional and invisible characters become visible
// escapes, so that no name, header or body can hide, reorder or forge what a page shows.

/** A run of text that is shown as it is, or the escape of characters that are not. */
export interface Run {
  text: string;
  escaped: boolean;
}

/** Controls, format characters (bidi marks, zero widths, tags), line and paragraph separators, lone surrogates. */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const hiddenRun = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** Splits text into runs; with `lines`, line feeds and tabs are shown as they are. */
export function runs(text: string, lines = false): Run[] {
  if (!hidden.test(text)) {
    return text === "" ? [] : [{ text, escaped: false }];
  }
  const made: Run[] = [];
  let end = 0;
  for (const match of text.matchAll(hiddenRun)) {
    push(made, text.slice(end, match.index), false);
    for (const character of match[0]) {
      const kept = lines && (character === "\n" || character === "\t");
      push(made, kept ? character : escape(character), !kept);
    }
    end = match.index + match[0].length;
  }
  push(made, text.slice(end), false);
  return made;
}

/** The same as one string, for attributes and titles. */
export function plain(text: string): string {
  return runs(text)
    .map((run) => run.text)
    .join("");
}

function push(made: Run[], text: string, escaped: boolean): void {
  const last = made.at(-1);
  if (text === "") {
    return;
  }
  if (last !== undefined && last.escaped === escaped) {
    last.text += text;
  } else {
    made.push({ text, escaped });
  }
}

function escape(character: string): string {
  switch (character) {
    case "\n":
      return "\\n";
    case "\r":
      return "\\r";
    case "\t":
      return "\\t";
  }
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  return code < 0x100
    ? `\\x${digits.padStart(2, "0")}`
    : code < 0x10000
      ? `\\u${digits.padStart(4, "0")}`
      : `\\u{${digits}}`;
}

/** A body as text, and whether it is UTF-8; bytes that are not are shown as `\xNN`. */
export function decode(bytes: Uint8Array): { text: string; utf8: boolean } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), utf8: true };
  } catch {
    return { text: decodeLossless(bytes), utf8: false };
  }
}

function decodeLossless(bytes: Uint8Array): string {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at] ?? 0);
    const sequence = bytes.subarray(at, at + length);
    try {
      text += strict.decode(sequence);
      at += length;
    } catch {
      text += `\\x${(bytes[at] ?? 0).toString(16).padStart(2, "0")}`;
      at += 1;
    }
  }
  return text;
}

/** Bytes of the UTF-8 sequence that this byte begins (RFC 3629, section 3). */
function sequenceLength(first: number): number {
  return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

/** Bytes for people: `812 B`, `16 KiB`, `1.4 MiB`. */
export function bytesText(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A count with thousands separated: `1,204`. */
export function countText(count: number | bigint): string {
  return count.toLocaleString("en-US");
}

/** `1 delivery`, `2 deliveries`. */
export function plural(count: number | bigint, one: string, many = `${one}s`): string {
  return `${countText(count)} ${Number(count) === 1 ? one : many}`;
}

/** A text that begins a sentence. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
