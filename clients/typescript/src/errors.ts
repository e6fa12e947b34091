// The one error type of the client, and how it is read from what Connect throws.

import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/error_details_pb.js";
import { ErrorReason } from "./gen/tenterhook/v1/error_reason_pb.js";
import type { PublishError } from "./gen/tenterhook/v1/event_service_pb.js";

/** One field at fault: its path in the request, and what is wrong with it. */
export interface FieldViolation {
  field: string;
  description: string;
}

/** What belongs to an error beside its code and message. */
export interface ErrorDetails {
  reason?: ErrorReason;
  fieldViolations?: FieldViolation[];
  retryAfterMs?: number;
  metadata?: Record<string, string>;
  permanent?: boolean;
  /** What was thrown by the library below, such as an error of Node. */
  cause?: unknown;
}

/** A call that failed. */
export class TenterhookError extends Error {
  override readonly name: string = "TenterhookError";
  /** The server's reason; unspecified when it gave none, as for errors of the transport. */
  readonly reason: ErrorReason;
  /** Every field at fault. */
  readonly fieldViolations: FieldViolation[];
  /** Milliseconds to wait before the call may succeed, if the server told. */
  readonly retryAfterMs: number | undefined;
  /** What belongs to the reason. */
  readonly metadata: Record<string, string>;
  /**
   * Whether trying again will not help, because the client is set up wrongly: the server's certificate is not
   * trusted, it speaks no TLS, the port speaks no gRPC, or there is no such host. Browsers do not tell.
   */
  readonly permanent: boolean;

  constructor(
    /** The gRPC code. */
    readonly code: Code,
    /** What is wrong, without code and reason. */
    readonly rawMessage: string,
    details: ErrorDetails = {},
  ) {
    const reason = details.reason ?? ErrorReason.UNSPECIFIED;
    const name = reason === ErrorReason.UNSPECIFIED ? "" : ` ${ErrorReason[reason]}`;
    super(`${Code[code]}${name}: ${rawMessage}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = reason;
    this.fieldViolations = details.fieldViolations ?? [];
    this.retryAfterMs = details.retryAfterMs;
    this.metadata = details.metadata ?? {};
    this.permanent = details.permanent ?? false;
  }

  /** The reason's name, such as `ETAG_MISMATCH`; empty when there is none. */
  get reasonName(): string {
    return this.reason === ErrorReason.UNSPECIFIED ? "" : (ErrorReason[this.reason] ?? "");
  }
}

/** There is no such webhook, event, delivery or key. */
export class NotFoundError extends TenterhookError {
  override readonly name = "NotFoundError";
}

/** The thing exists already, was changed by somebody else, or its state forbids the call. */
export class ConflictError extends TenterhookError {
  override readonly name = "ConflictError";
}

/** The request is wrong; `fieldViolations` says where. */
export class InvalidError extends TenterhookError {
  override readonly name = "InvalidError";
}

/** The server cannot be reached, or is stopping. The call may be repeated. */
export class UnavailableError extends TenterhookError {
  override readonly name = "UnavailableError";
}

/** The client was closed before the call, or while it was in flight. */
export class ClosedError extends TenterhookError {
  override readonly name = "ClosedError";

  constructor() {
    super(Code.Canceled, "the client is closed");
  }
}

const kinds = new Map<Code, typeof TenterhookError>([
  [Code.NotFound, NotFoundError],
  [Code.AlreadyExists, ConflictError],
  [Code.Aborted, ConflictError],
  [Code.FailedPrecondition, ConflictError],
  [Code.InvalidArgument, InvalidError],
  [Code.OutOfRange, InvalidError],
  [Code.Unavailable, UnavailableError],
]);

/** Makes the error of the kind that the code has. */
export function makeError(code: Code, message: string, details?: ErrorDetails): TenterhookError {
  return new (kinds.get(code) ?? TenterhookError)(code, message, details);
}

/** Reads whatever a call threw, `google.rpc` details included. */
export function readError(thrown: unknown): TenterhookError {
  if (thrown instanceof TenterhookError) {
    return thrown;
  }
  const error = ConnectError.from(thrown);
  const details: ErrorDetails = { cause: thrown };
  const info = error.findDetails(ErrorInfoSchema).find((one) => one.domain === "tenterhook");
  if (info !== undefined) {
    details.reason = ErrorReason[info.reason as keyof typeof ErrorReason] ?? ErrorReason.UNSPECIFIED;
    details.metadata = info.metadata;
  }
  details.fieldViolations = error
    .findDetails(BadRequestSchema)
    .flatMap((bad) => bad.fieldViolations)
    .map(({ field, description }) => ({ field, description }));
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay !== undefined) {
    details.retryAfterMs = Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }
  return makeError(error.code, error.rawMessage, details);
}

/** Reads the acknowledgement of an event that a stream refused. */
export function readPublishError(refused: PublishError): TenterhookError {
  const violation = { field: refused.field, description: refused.message.replace(`${refused.field}: `, "") };
  return makeError(refused.code, refused.message, {
    reason: refused.reason,
    fieldViolations: refused.field === "" ? [] : [violation],
  });
}
