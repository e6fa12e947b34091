// The one client of the page. It is the TypeScript client as every program uses it; the session is a
// cookie that script never sees.

import { Client, type TenterhookError } from "tenterhook/web";
import { signal } from "@preact/signals";

/** The API of the server that this page came from. */
export const api = new Client(location.origin);

/** gRPC codes that pages act on (https://grpc.io/docs/guides/status-codes/). */
export const code = {
  notFound: 5,
  permissionDenied: 7,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Whether calls are let in: unknown until the first answer. */
export const session = signal<"unknown" | "open" | "closed">("unknown");

/** Whether the server could not be reached by the last call. */
export const unreachable = signal(false);

/** Notes what the outcome of a call says about the session and the connection. */
export function noteOutcome(error: TenterhookError | undefined): void {
  if (error?.code === code.unauthenticated) {
    session.value = "closed";
  } else if (error === undefined || error.code !== code.unavailable) {
    session.value = "open";
  }
  unreachable.value = error?.code === code.unavailable;
}
