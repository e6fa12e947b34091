// When a failed call is tried again.

import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { TenterhookError } from "./errors.js";

/**
 * Waits in milliseconds: `initialMs`, then `multiplier` times the one before, up to `maxMs`, each
 * changed at random by the share `jitter`. A value that is not positive stands for its default, but no
 * `jitter` is none.
 */
export interface RetryPolicy {
  initialMs: number;
  multiplier: number;
  maxMs: number;
  jitter: number;
  /** `false` never tries a call again; a watch reconnects all the same. */
  enabled: boolean;
}

export const defaultRetry: RetryPolicy = {
  initialMs: 100,
  multiplier: 2,
  maxMs: 5000,
  jitter: 0.2,
  enabled: true,
};

/** The wait after so many failures in a row, from 0. */
export function backoff(policy: RetryPolicy, failures: number): number {
  const [initialMs, multiplier, maxMs] = (["initialMs", "multiplier", "maxMs"] as const).map((name) =>
    policy[name] > 0 ? policy[name] : defaultRetry[name],
  ) as [number, number, number];
  const jitter = Math.min(Math.max(policy.jitter, 0), 1);
  const wait = Math.min(initialMs * multiplier ** failures, maxMs);
  return wait * (1 + jitter * (2 * Math.random() - 1));
}

/**
 * Milliseconds until the next try; `undefined` when there is to be none. UNAVAILABLE is tried
 * again unless it is permanent; another error that carries RetryInfo where the method is marked idempotent in the proto.
 * RetryInfo is the least wait.
 */
export function nextWait(
  policy: RetryPolicy,
  method: DescMethod,
  error: TenterhookError,
  failures: number,
): number | undefined {
  const idempotent = method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
  const again = (error.code === Code.Unavailable && !error.permanent) || (idempotent && error.retryAfterMs !== undefined);
  if (!policy.enabled || !again) {
    return undefined;
  }
  return Math.max(backoff(policy, failures), error.retryAfterMs ?? 0);
}

/** Resolves after so many milliseconds, or at once when one of the signals is aborted. */
export function sleep(milliseconds: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some((signal) => signal?.aborted)) {
      return resolve();
    }
    const wake = (): void => {
      clearTimeout(timer);
      signals.forEach((signal) => signal?.removeEventListener("abort", wake));
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signals.forEach((signal) => signal?.addEventListener("abort", wake));
  });
}
