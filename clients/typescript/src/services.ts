// What every call goes through: the deadline, retries, one kind of error.

import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type CallOptions, type Client, type Transport } from "@connectrpc/connect";
import type { Logger } from "./connectivity.js";
import { ClosedError, makeError, readError, type TenterhookError } from "./errors.js";
import { identify } from "./messages.js";
import { nextWait, sleep, type RetryPolicy } from "./retry.js";

/** How calls are made. */
export interface CallPolicy {
  /** What the client was given. */
  timeoutMs: number | undefined;
  retry: RetryPolicy;
  /** Is aborted when the client is closed. */
  closing: AbortSignal;
  logger: Logger;
}

type Unary = (request: unknown, options: CallOptions) => Promise<unknown>;
type Streaming = (request: unknown, options?: CallOptions) => AsyncIterable<unknown>;

/** The generated client of a service, with the deadline and retries of the policy. */
export function service<S extends DescService>(descriptor: S, transport: Transport, policy: CallPolicy): Client<S> {
  const inner = createClient(descriptor, transport) as unknown as Record<string, Unary & Streaming>;
  const outer: Record<string, unknown> = {};
  for (const method of descriptor.methods) {
    const call = inner[method.localName]!;
    outer[method.localName] =
      method.methodKind === "unary"
        ? (request: never, options?: CallOptions) => retried(method, call, request, options ?? {}, policy)
        : (request: unknown, options?: CallOptions) => readable(() => call(request, options), policy, options?.signal);
  }
  return outer as Client<S>;
}

async function retried(
  method: DescMethod,
  call: Unary,
  init: never,
  options: CallOptions,
  policy: CallPolicy,
): Promise<unknown> {
  const deadline = performance.now() + (options.timeoutMs ?? timeoutMsOf(method, policy));
  const request = identify(method.input, init);
  for (let failures = 0; ; failures++) {
    checkOpen(policy);
    try {
      return await call(request, { ...options, timeoutMs: Math.max(1, Math.ceil(deadline - performance.now())) });
    } catch (thrown) {
      checkOpen(policy);
      const error = readFailure(thrown, options.signal);
      const wait = nextWait(policy.retry, method, error, failures);
      if (wait === undefined || performance.now() + wait >= deadline || options.signal?.aborted === true) {
        throw error;
      }
      const next = `tries again in ${Math.round(wait)} ms: ${error.message}`;
      policy.logger.debug?.(`tenterhook: ${method.name} failed ${failures + 1} times, ${next}`);
      await sleep(wait, options.signal, policy.closing);
    }
  }
}

/** Milliseconds for a call unless the client or the call says otherwise. */
const defaultTimeoutMs = 10_000;
/** The same for TestWebhook, which returns when an attempt has ended: 60 seconds at most. */
const testTimeoutMs = 70_000;

/** Milliseconds for a call that names none. */
export function timeoutMsOf(method: DescMethod, policy: Pick<CallPolicy, "timeoutMs">): number {
  return policy.timeoutMs ?? (method.name === "TestWebhook" ? testTimeoutMs : defaultTimeoutMs);
}

/** Throws `ClosedError` if the client is closed. */
export function checkOpen(policy: CallPolicy): void {
  if (policy.closing.aborted) {
    throw new ClosedError();
  }
}

/** The messages, with failures as they are read. An async generator in its place would take twice the promises. */
function readable(open: () => AsyncIterable<unknown>, policy: CallPolicy, signal?: AbortSignal): AsyncIterable<unknown> {
  checkOpen(policy);
  const source = open()[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<unknown>> => {
    try {
      return await source.next();
    } catch (thrown) {
      checkOpen(policy);
      throw readFailure(thrown, signal);
    }
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

/**
 * What Node itself says of a connection, such as that it broke or that its certificate is not
 * trusted, is UNAVAILABLE, whatever Connect calls it. A cancellation is one only if the caller
 * cancelled.
 */
export function readFailure(thrown: unknown, signal?: AbortSignal): TenterhookError {
  const error = readError(thrown);
  if (error instanceof ClosedError) {
    return error;
  }
  const unreachable = error.code === Code.Canceled || nodeCode(thrown) !== undefined;
  if (!unreachable || signal?.aborted === true) {
    return error;
  }
  const advice = permanent.find(([code]) => code.test(nodeCode(thrown) ?? ""))?.[1];
  return advice === undefined
    ? makeError(Code.Unavailable, error.rawMessage, { cause: thrown })
    : makeError(Code.Unavailable, `${advice} (${error.rawMessage})`, { permanent: true, cause: thrown });
}

/** Node's codes of what no further try will mend, and what to do about it. */
const permanent: [RegExp, string][] = [
  [
    /^(CERT_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_|ERR_TLS_CERT_ALTNAME_INVALID)/,
    "the server's certificate is not trusted, or is for another host: give its authority as `ca`",
  ],
  [
    /^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/,
    "the server does not speak TLS: begin the target with http:// if that is meant",
  ],
  // Node says "Protocol error" of a server whose first bytes are no HTTP/2.
  [/^ERR_HTTP2_ERROR$/, "the port does not speak gRPC: check it, and begin the target with https:// if the server speaks TLS"],
  [/^ENOTFOUND$/, "there is no such host: check the target"],
];

/** Node's errors have a text for a code, such as `ECONNRESET`. */
function nodeCode(thrown: unknown): string | undefined {
  const cause = thrown instanceof ConnectError ? thrown.cause : undefined;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}
