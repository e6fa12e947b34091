// What the draft would send, whether its rules match, and what is wrong with its templates.

import type { JSX } from "preact";
import type { RenderPreviewResponse, TemplateError } from "tenterhook/web";
import { decode } from "../../pure/text.ts";
import { Message } from "../../parts/body.tsx";
import { Text } from "../../parts/text.tsx";

export interface PreviewProps {
  response: RenderPreviewResponse;
  /** Whether a newer one is on its way. */
  stale: boolean;
  /** How many rules the draft has. */
  rules: number;
}

export function Preview({ response, stale, rules }: PreviewProps): JSX.Element {
  const { request, errors } = response;
  return (
    <div class={stale ? "stale" : undefined} aria-busy={stale} aria-live="polite">
      <Matched response={response} rules={rules} />
      {errors.map((error) => (
        <div class="template-error">
          <strong>{place(error)}</strong> <Text value={firstLine(error.message)} />
          {hasMoreLines(error.message) ? (
            <pre class="code">
              <Text value={error.message.slice(firstLine(error.message).length + 1)} lines />
            </pre>
          ) : null}
        </div>
      ))}
      {request === undefined ? null : (
        <>
          {isBrokenJson(request.headers, request.body) ? (
            <p class="template-error warn">
              <strong>body</strong> is not valid JSON
            </p>
          ) : null}
          <Message
            title="Request"
            line={`${request.method} ${request.url}`}
            headers={request.headers}
            body={request.body}
            truncated={request.bodyTruncated}
          />
        </>
      )}
    </div>
  );
}

function Matched({
  response: { matched, rules },
  rules: count,
}: {
  response: RenderPreviewResponse;
  rules: number;
}): JSX.Element {
  const first = rules.find((rule) => rule.matched);
  if (count === 0) {
    return <p class="matched good">✓ It has no rules: it receives every event.</p>;
  }
  if (matched) {
    return (
      <p class="matched good">
        ✓ {first === undefined ? "The event matches." : `The event matches rule ${first.index + 1}.`}
      </p>
    );
  }
  return (
    <div class="matched">
      <p>✗ The event does not match; this is what would be sent if it did.</p>
      <ul>
        {rules.map(({ index, reason }) => (
          <li>
            rule {index + 1}: <Text value={reason} />
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Where an error is, such as `body 2:8`. */
function place({ field, line, column }: TemplateError): string {
  const short = field.replace(/^(webhook\.)?request\./, "");
  return line === 0 ? short : `${short} ${line}${column === 0 ? "" : `:${column}`}`;
}

/** The message; the lines after it show the place in the template. */
function firstLine(message: string): string {
  return message.split("\n", 1)[0] ?? "";
}

function hasMoreLines(message: string): boolean {
  return message.includes("\n");
}

function isBrokenJson(headers: { name: string; value: string }[], body: Uint8Array): boolean {
  const type = headers.find(({ name }) => name.toLowerCase() === "content-type")?.value ?? "";
  if (!/\bjson\b/.test(type) || body.length === 0) {
    return false;
  }
  try {
    JSON.parse(decode(body).text);
    return false;
  } catch {
    return true;
  }
}
