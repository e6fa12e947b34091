// What every call goes through: the deadline, retries, one kind of error.

import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type CallOptions, type Client, type Transport } from "@connectrpc/connect";
import { ClosedError, makeError, readError, type TenterhookError } from "./errors.js";
import { identify } from "./messages.js";
import { nextWait, sleep, type RetryPolicy } from "./retry.js";

/** How calls are made. */
export interface CallPolicy {
  timeoutMs: number;
  retry: RetryPolicy;
  /** Is aborted when the client is closed. */
  closing: AbortSignal;
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
  const deadline = performance.now() + (options.timeoutMs ?? policy.timeoutMs);
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
      await sleep(wait, options.signal, policy.closing);
    }
  }
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
  const unreachable = error.code === Code.Canceled || isOfNode(thrown);
  return unreachable && signal?.aborted !== true ? makeError(Code.Unavailable, error.rawMessage) : error;
}

/** Node's errors have a text for a code, such as `ECONNRESET`. */
function isOfNode(thrown: unknown): boolean {
  const cause = thrown instanceof ConnectError ? thrown.cause : undefined;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string";
}
