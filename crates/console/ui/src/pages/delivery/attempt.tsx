// One attempt: where its time went, the request, the response, and what differs from the one before.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import {
  type DeliveryAttempt,
  type HttpHeader,
  type HttpRequest,
  type HttpResponse,
  TriedAddressResult,
} from "tenterhook/web";
import { answerTone, outcomeWord } from "../../app/words.ts";
import { prettyText } from "../../pure/json.ts";
import { curl } from "../../pure/shell.ts";
import { decode } from "../../pure/text.ts";
import { Message } from "../../parts/body.tsx";
import { Copy, Id } from "../../parts/button.tsx";
import { Diff } from "../../parts/diff.tsx";
import { Text } from "../../parts/text.tsx";
import { Phases } from "./phases.tsx";

export function Attempt({
  attempt,
  before,
}: {
  attempt: DeliveryAttempt;
  before?: DeliveryAttempt | undefined;
}): JSX.Element {
  const compare = useSignal(false);
  const { request, response } = attempt;
  return (
    <section class="attempt" aria-label={`Attempt ${attempt.number}`}>
      <div class="attempt-head">
        <h2>Attempt {attempt.number}</h2>
        <Phases attempt={attempt} />
        <span class="push" />
        <span class="attempt-actions">
          {before === undefined ? null : (
            <button
              type="button"
              class="button plain"
              aria-pressed={compare.value}
              onClick={() => (compare.value = !compare.value)}
            >
              Compare with {before.number}
            </button>
          )}
          {request === undefined ? null : (
            <Copy text={() => curlOf(request)} label="as curl">
              Copy as curl
            </Copy>
          )}
        </span>
      </div>
      {attempt.error === "" ? null : (
        <p class="attempt-error">
          <strong>{outcomeWord(attempt.outcome)}</strong> <Text value={attempt.error} />
        </p>
      )}
      {compare.value && before !== undefined ? (
        <Compared before={before} after={attempt} />
      ) : (
        <Exchange attempt={attempt} request={request} response={response} />
      )}
      <Addresses attempt={attempt} />
    </section>
  );
}

interface ExchangeProps {
  attempt: DeliveryAttempt;
  request: HttpRequest | undefined;
  response: HttpResponse | undefined;
}

function Exchange({ attempt, request, response }: ExchangeProps): JSX.Element {
  return (
    <div class="exchange">
      {request === undefined ? (
        <p class="empty">Nothing was sent.</p>
      ) : (
        <Message
          title="Request"
          line={`${request.method} ${request.url}`}
          headers={request.headers}
          body={request.body}
          truncated={request.bodyTruncated}
        />
      )}
      {response === undefined ? (
        <p class="empty">Nothing came back.</p>
      ) : (
        <Message
          title="Response"
          line={String(response.status)}
          tone={answerTone(attempt)}
          headers={response.headers}
          body={response.body}
          truncated={response.bodyTruncated}
        />
      )}
      {response === undefined || response.note === "" ? null : (
        <p class="note">
          <Text value={response.note} />
        </p>
      )}
    </div>
  );
}

function Compared({ before, after }: { before: DeliveryAttempt; after: DeliveryAttempt }): JSX.Element {
  return (
    <div class="exchange">
      <section class="message" aria-label="Difference of the requests">
        <header>
          <h3>
            Request, attempt {before.number} → {after.number}
          </h3>
        </header>
        <Diff
          before={requestText(before.request)}
          after={requestText(after.request)}
          same="The same request was sent."
        />
      </section>
      <section class="message" aria-label="Difference of the responses">
        <header>
          <h3>
            Response, attempt {before.number} → {after.number}
          </h3>
        </header>
        <Diff
          before={responseText(before.response)}
          after={responseText(after.response)}
          same="The same response came back."
        />
      </section>
    </div>
  );
}

function Addresses({ attempt }: { attempt: DeliveryAttempt }): JSX.Element | null {
  const { proxy, remoteAddress, triedAddresses, traceId } = attempt;
  if (proxy === "" && remoteAddress === "" && triedAddresses.length === 0 && traceId === "") {
    return null;
  }
  const results: Record<TriedAddressResult, string> = {
    [TriedAddressResult.UNSPECIFIED]: "unknown",
    [TriedAddressResult.CONNECTED]: "connected",
    [TriedAddressResult.FAILED]: "failed",
    [TriedAddressResult.TIMED_OUT]: "timed out",
    [TriedAddressResult.DROPPED]: "another was faster",
  };
  return (
    <dl class="facts">
      {proxy === "" ? null : (
        <div>
          <dt>Proxy</dt>
          <dd>
            <code>
              <Text value={proxy} />
            </code>
          </dd>
        </div>
      )}
      {remoteAddress === "" ? null : (
        <div>
          <dt>Address</dt>
          <dd>
            <code>
              <Text value={remoteAddress} />
            </code>
          </dd>
        </div>
      )}
      {triedAddresses.map(({ address, result, error }) => (
        <div>
          <dt>Tried</dt>
          <dd>
            <code>
              <Text value={address} />
            </code>{" "}
            {results[result]}{" "}
            <span class="faint">
              <Text value={error} />
            </span>
          </dd>
        </div>
      ))}
      {traceId === "" ? null : (
        <div>
          <dt>Trace</dt>
          <dd>
            <Id value={traceId} />
          </dd>
        </div>
      )}
    </dl>
  );
}

function curlOf(request: HttpRequest): string {
  return curl({ method: request.method, url: request.url, headers: request.headers, body: decode(request.body).text });
}

function requestText(request: HttpRequest | undefined): string {
  return request === undefined
    ? ""
    : [`${request.method} ${request.url}`, ...lines(request.headers), "", prettyText(decode(request.body).text)].join(
        "\n",
      );
}

function responseText(response: HttpResponse | undefined): string {
  return response === undefined
    ? ""
    : [String(response.status), ...lines(response.headers), "", prettyText(decode(response.body).text)].join("\n");
}

function lines(headers: HttpHeader[]): string[] {
  return headers.map(({ name, value }) => `${name}: ${value}`);
}
