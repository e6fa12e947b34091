// What both entrances of the package give.

export type { Checkpoint } from "./checkpoint.js";
export { BaseClient, type ClientOptions, type Connection, type WatchOptions } from "./client.js";
export type { Connectivity, Logger } from "./connectivity.js";
export {
  ClosedError,
  ConflictError,
  type ErrorDetails,
  type FieldViolation,
  InvalidError,
  NotFoundError,
  TenterhookError,
  UnavailableError,
} from "./errors.js";
export { durationFromMs, durationMs, type EventInit, json, jsonText, jsonValue } from "./messages.js";
export { DeliveryList } from "./pages.js";
export { type Publication, Publisher, PublisherFullError, type PublisherOptions } from "./publisher.js";
export { defaultRetry, type RetryPolicy } from "./retry.js";
export type { Ack } from "./stream.js";
export { type WaitOptions, Watch, type WatchConnection, type WatchItem, type WatchParts } from "./watch.js";
// What messages hold, as JavaScript's own values and back: `JSON.stringify(toJson(PublishResultSchema, result))`.
export { create, fromJson, toJson } from "@bufbuild/protobuf";
export { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
export { Code } from "@connectrpc/connect";
export * from "./gen/tenterhook/v1/access_service_pb.js";
export * from "./gen/tenterhook/v1/delivery_pb.js";
export * from "./gen/tenterhook/v1/delivery_service_pb.js";
export * from "./gen/tenterhook/v1/error_reason_pb.js";
export * from "./gen/tenterhook/v1/event_pb.js";
export * from "./gen/tenterhook/v1/event_service_pb.js";
export * from "./gen/tenterhook/v1/server_service_pb.js";
export * from "./gen/tenterhook/v1/webhook_pb.js";
export * from "./gen/tenterhook/v1/webhook_service_pb.js";
