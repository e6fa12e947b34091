// Headers and bodies of requests and responses: pretty or raw, always as text.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { HttpHeader } from "tenterhook/web";
import { prettyTokens } from "../pure/json.ts";
import { bytesText, decode } from "../pure/text.ts";
import { Copy } from "./button.tsx";
import { Text } from "./text.tsx";

/** The most that is laid out at once; what is longer is cut, and copied whole. */
const shownBytes = 16 * 1024;

export interface MessageProps {
  title: string;
  /** The first line, such as `POST https://…` or `500`. */
  line: string;
  tone?: string;
  headers: HttpHeader[];
  body: Uint8Array;
  truncated: boolean;
}

/** A request or a response. */
export function Message({ title, line, tone = "", headers, body, truncated }: MessageProps): JSX.Element {
  const raw = useSignal(false);
  const { text, utf8 } = decode(body);
  return (
    <section class="message" aria-label={title}>
      <header>
        <h3>{title}</h3>
        <span class="faint">{body.length === 0 ? "no body" : bytesText(body.length)}</span>
        {utf8 ? null : <span class="faint">not UTF-8</span>}
        <span class="push" />
        <div class="segments" role="group" aria-label={`${title} body`}>
          <button type="button" aria-pressed={!raw.value} onClick={() => (raw.value = false)}>
            pretty
          </button>
          <button type="button" aria-pressed={raw.value} onClick={() => (raw.value = true)}>
            raw
          </button>
        </div>
        <Copy text={() => text} label={`${title.toLowerCase()} body`} />
      </header>
      <div class="message-text" tabIndex={0}>
        <p class={`message-line ${tone}`}>
          <Text value={line} />
        </p>
        <dl class="headers">
          {headers.map(({ name, value }) => (
            <div>
              <dt>
                <Text value={name} />
              </dt>
              <dd>
                <Text value={value} />
              </dd>
            </div>
          ))}
        </dl>
        <Code text={text} raw={raw.value} />
        {truncated ? <p class="faint">The server kept only the beginning of this body.</p> : null}
      </div>
    </section>
  );
}

/** Text, as indented and coloured JSON where it is JSON. */
export function Code({ text, raw = false }: { text: string; raw?: boolean }): JSX.Element {
  const cut = text.length > shownBytes;
  const shown = cut ? text.slice(0, shownBytes) : text;
  const tokens = raw || cut ? undefined : prettyTokens(shown);
  return (
    <pre class="code">
      {tokens === undefined ? (
        <Text value={shown} lines />
      ) : (
        tokens.map(({ kind, text: token }) =>
          kind === "blank" || kind === "mark" ? (
            token
          ) : (
            <span class={`json-${kind}`}>
              <Text value={token} />
            </span>
          ),
        )
      )}
      {cut ? <span class="faint">{`\n… ${bytesText(text.length - shownBytes)} more`}</span> : null}
    </pre>
  );
}
