// The steps of the shared scenarios, for every client and wherever it runs: in Node, and in a
// browser; clients/conformance/README.md says what a step means.

import assert from "node:assert/strict";
import { type DescMessage, type DescService, fromJson, type MessageShape, toJson } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  AccessService,
  type BaseClient,
  type Checkpoint,
  ClosedError,
  type ClientOptions,
  ConflictError,
  type Connectivity,
  DeliverySchema,
  DeliveryService,
  type EventInit,
  EventService,
  InvalidError,
  ListDeliveriesRequestSchema,
  ListEventsRequestSchema,
  ListWebhooksRequestSchema,
  NotFoundError,
  type Publication,
  type PublisherOptions,
  PublishResultSchema,
  type RetryPolicy,
  TenterhookError,
  UnavailableError,
  type Watch,
  WatchDeliveriesRequestSchema,
  WebhookService,
} from "../src/common.js";
import { at, contains, type Json, text } from "./contains.js";

export type Step = { [name: string]: Json };
export type Given = { [name: string]: Step[] };
export interface Scenario {
  name: string;
  steps: Step[];
}
/** A file of scenarios. */
export interface Scenarios {
  given?: Given;
  scenarios: Scenario[];
}

/** Files and the environment. */
export interface System {
  /** Writes a file of the run and gives its path. */
  write(run: string, name: string, content: string): string;
  /** Removes the files of the run. */
  clean(run: string): void;
  /** A checkpoint in that file. */
  checkpoint(path: string): Checkpoint;
  /** Makes a client by an environment of these variables and no others of Tenterhook. */
  fromEnv(variables: Record<string, string>): BaseClient;
}

/** What a run needs to know of where it runs. */
export interface Surroundings {
  /** URL of the harness's control port. */
  control: string;
  /** Where there are files and variables; a browser has neither. */
  system?: System;
  /** Makes the client under test; `tls` has PEM texts. */
  connect(target: string, options: ClientOptions, tls: Record<string, string>): BaseClient;
}

/** Runs one scenario; throws for what is not as it should be. */
export async function runScenario(surroundings: Surroundings, given: Given, scenario: Scenario): Promise<void> {
  const runner = await Runner.start(surroundings, given);
  try {
    await runner.run(scenario.steps);
  } finally {
    runner.close();
  }
}

/**
 * Whether a scenario asks for what no browser can do: streams of requests, certificates of one's own, an
 * environment, and many calls on one connection, which HTTP/1.1 has not.
 */
export function needsMoreThanABrowser(scenario: Scenario, given: Given): boolean {
  const steps = JSON.stringify([scenario, scenario.steps.map((step) => given[String(step["given"])])]);
  return ["publish_stream", "StreamPublishEvents", "/tls", "/connections", "https://", '"target":"$receiver"', '"env"', '"refuse"', '"checkpoint"'].some((word) => steps.includes(word));
}

const services: Record<string, [DescService, "access" | "webhooks" | "events" | "deliveries"]> = {
  AccessService: [AccessService, "access"],
  WebhookService: [WebhookService, "webhooks"],
  EventService: [EventService, "events"],
  DeliveryService: [DeliveryService, "deliveries"],
};
const kinds: Record<string, typeof TenterhookError> = {
  NOT_FOUND: NotFoundError,
  ALREADY_EXISTS: ConflictError,
  ABORTED: ConflictError,
  FAILED_PRECONDITION: ConflictError,
  INVALID_ARGUMENT: InvalidError,
  OUT_OF_RANGE: InvalidError,
  UNAVAILABLE: UnavailableError,
};

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

interface OpenWatch {
  watch: Watch;
  known: Set<string>;
  seen: Set<string>;
}

class Runner {
  readonly #clients = new Map<string, BaseClient>();
  readonly #watches = new Map<string, OpenWatch>();
  readonly #attempts = new Map<string, number>();
  readonly #connectivity = new Map<string, string[]>();

  private constructor(
    readonly surroundings: Surroundings,
    readonly given: Given,
    readonly variables: Record<string, string>,
  ) {}

  static async start(surroundings: Surroundings, given: Given): Promise<Runner> {
    const variables = { ...((await ask(surroundings, "/")) as Record<string, string>) };
    variables["uuid"] = crypto.randomUUID();
    variables["ns"] = `ts-${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
    const runner = new Runner(surroundings, given, variables);
    runner.#connect("main", { target: variables["target"]! });
    return runner;
  }

  close(): void {
    this.#watches.forEach(({ watch }) => watch.close());
    this.#clients.forEach((client) => client.close());
    this.surroundings.system?.clean(this.variables["ns"]!);
  }

  async run(steps: Step[]): Promise<void> {
    for (const step of steps) {
      if (typeof step["given"] === "string") {
        await this.run(this.given[step["given"]]!);
      } else if (typeof step["repeat"] === "number") {
        for (let index = 0; index < step["repeat"]; index++) {
          this.variables["i"] = String(index);
          await this.run(step["steps"] as Step[]);
        }
      } else {
        const filled = this.#fill(step) as Step;
        await this.#step(filled).catch((error: Error) => {
          throw new Error(`${JSON.stringify(filled)}\n  ${error.message}`, { cause: error });
        });
      }
    }
  }

  async #step(step: Step): Promise<void> {
    const start = performance.now();
    const patience = (step["within_ms"] ?? 30_000) as number;
    for (;;) {
      try {
        await this.#attempt(step, patience);
        break;
      } catch (error) {
        const patient = step["expect"] !== undefined && step["within_ms"] !== undefined;
        if (!patient || performance.now() - start > patience) {
          throw error;
        }
        await sleep(50);
      }
    }
    assert.ok(performance.now() - start >= ((step["at_least_ms"] ?? 0) as number), "too early");
  }

  async #attempt(step: Step, patience: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not within ${patience} ms`)), patience);
    });
    if (step["close_client_ms"] !== undefined) {
      setTimeout(() => this.#clients.get(step["client"] as string)!.close(), step["close_client_ms"] as number);
    }
    const acted = step["give_up_ms"] === undefined ? this.#act(step) : this.#giveUp(step);
    const answer = await Promise.race([acted, late])
      .catch((error: unknown) => {
        if (step["error"] === undefined || !(error instanceof TenterhookError)) {
          throw error;
        }
        checkError(error, step["error"] as Step);
        return undefined;
      })
      .finally(() => clearTimeout(timer));
    if (step["error"] !== undefined) {
      assert.equal(answer, undefined, "no error");
      return;
    }
    if (step["expect"] !== undefined) {
      contains(answer, step["expect"]);
    }
    if (step["count"] !== undefined) {
      contains(at(answer, "count"), step["count"], "count");
    }
    for (const [name, path] of Object.entries(step["save"] ?? {})) {
      this.variables[name] = text(at(answer, path as string));
    }
  }

  /** Aborts the signal of a call, or of the wait for a change. */
  async #giveUp(step: Step): Promise<Json> {
    const giveUp = new AbortController();
    const acted = this.#act(step, giveUp.signal).then(
      (answer) => answer,
      (error: unknown) => (error instanceof TenterhookError ? { error: codeName(error.code) } : Promise.reject(error)),
    );
    await sleep(step["give_up_ms"] as number);
    giveUp.abort();
    assert.deepEqual(await acted, { error: "CANCELLED" });
    return {};
  }

  async #act(step: Step, signal?: AbortSignal): Promise<Json> {
    const client = this.#clients.get((step["client"] ?? "main") as string)!;
    const request = (step["request"] ?? {}) as Step;
    if (step["ping"] !== undefined) {
      await client.ping();
      return {};
    }
    if (step["write"] !== undefined) {
      const [name, content] = [step["write"] as string, step["text"] as string];
      this.variables[name] = this.surroundings.system!.write(this.variables["ns"]!, name, content);
      return {};
    }
    if (step["refuse"] !== undefined) {
      return this.#refuse(step);
    }
    if (step["connectivity"] !== undefined) {
      return this.#connectivity.get(step["connectivity"] as string)!;
    }
    if (step["call"] !== undefined) {
      return call(client, step["call"] as string, request);
    }
    if (step["publish"] !== undefined) {
      return asJson(PublishResultSchema, await client.publish(toEvent(step["publish"] as Step), { signal }));
    }
    if (step["publish_batch"] !== undefined) {
      const results = await client.publishBatch((step["publish_batch"] as Step[]).map(toEvent));
      return results.map((result) => asJson(PublishResultSchema, result));
    }
    if (step["leave"] !== undefined) {
      return leave(client, step);
    }
    if (step["fail_at"] !== undefined) {
      return failAt(client, step);
    }
    if (step["publish_stream"] !== undefined) {
      return publishAll(client, this.#events(step));
    }
    if (step["publish_each"] !== undefined) {
      return publishEach(this.surroundings, client, step);
    }
    if (step["ordered"] !== undefined) {
      return ordered(client, step["ordered"] as number);
    }
    if (step["list"] !== undefined) {
      return list(client, step["list"] as string, request);
    }
    if (step["watch"] !== undefined) {
      const told: string[] = [];
      this.#connectivity.set(step["watch"] as string, told);
      const onConnectivity = (state: Connectivity): void => tell(told, state);
      const place = step["checkpoint"] as string | undefined;
      const kept = place === undefined ? {} : { checkpoint: this.surroundings.system!.checkpoint(place) };
      const watch = client.watch(fromJson(WatchDeliveriesRequestSchema, request), { onConnectivity, ...kept });
      this.#watches.set(step["watch"] as string, { watch, known: new Set(), seen: new Set() });
      if (step["take"] === undefined) {
        return {};
      }
    }
    if (step["wait_ms"] !== undefined) {
      return wait(this.#watches.get(step["take"] as string)!, step);
    }
    if (step["take"] !== undefined) {
      return take(this.#watches.get(step["take"] as string)!, step, signal);
    }
    if (step["close_client"] !== undefined) {
      this.#clients.get(step["close_client"] as string)!.close();
      return {};
    }
    if (step["attempts"] !== undefined) {
      const attempts = this.#attempts.get(step["attempts"] as string)!;
      assert.ok(attempts <= (step["at_most"] as number), `${attempts} attempts`);
      return {};
    }
    if (step["close"] !== undefined) {
      this.#watches.get(step["close"] as string)!.watch.close();
      return {};
    }
    if (step["connect"] !== undefined) {
      this.#connect(step["connect"] as string, step);
      return {};
    }
    return ask(this.surroundings, step["control"] as string);
  }

  #refuse(step: Step): Json {
    const made = (): BaseClient => this.surroundings.system!.fromEnv(step["refuse"] as Record<string, string>);
    assert.throws(made, (error: Error) => {
      (step["expect"] as string[]).forEach((text) => assert.ok(error.message.includes(text), `${text}: ${error.message}`));
      return error instanceof TypeError;
    });
    return step["expect"]!;
  }

  #connect(name: string, step: Step): void {
    if (step["env"] !== undefined) {
      this.#clients.set(name, this.surroundings.system!.fromEnv(step["env"] as Record<string, string>));
      return;
    }
    const keys = [...((step["api_keys"] ?? []) as string[])];
    const nextKey = (): string => (keys.length > 1 ? keys.shift()! : keys[0]!);
    const { api_key: apiKey, ca, cert, cert_key: key } = step as Record<string, string>;
    const given = Object.entries({ ca, cert, key }).filter(([, value]) => value !== undefined);
    const tls = Object.fromEntries(given) as Record<string, string>;
    this.#attempts.set(name, 0);
    const options: ClientOptions = {
      namespace: this.variables["ns"]!,
      timeoutMs: (step["timeout_ms"] ?? 10_000) as number,
      retry: retryOf(step),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(keys.length === 0 ? {} : { apiKey: nextKey }),
      logger: {},
      headers: () => {
        this.#attempts.set(name, this.#attempts.get(name)! + 1);
        return (step["headers"] ?? {}) as Record<string, string>;
      },
    };
    this.#clients.set(name, this.surroundings.connect(step["target"] as string, options, tls));
  }

  /** The events of a stream; the harness is asked for `then` before it ends. */
  async *#events(step: Step): AsyncGenerator<EventInit> {
    yield* (step["publish_stream"] as Step[]).map(toEvent);
    if (step["then"] !== undefined) {
      await ask(this.surroundings, step["then"] as string);
    }
  }

  #fill(value: Json): Json {
    if (Array.isArray(value)) {
      return value.map((inside) => this.#fill(inside));
    }
    if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value).map(([name, inside]) => [this.#fill(name) as string, this.#fill(inside)]);
      return Object.fromEntries(entries) as Json;
    }
    return typeof value === "string" ? value.replaceAll(/\$([a-z]+[0-9]*)/g, (_, name: string) => this.variables[name]!) : value;
  }
}

/** Notes the state of a watch's connection, once while it stays the same. */
function tell(told: string[], state: Connectivity): void {
  const text = state.connected ? "connected" : codeName(state.error.code);
  if (told.at(-1) !== text) {
    told.push(text);
  }
}

async function ask({ control }: Surroundings, path: string): Promise<Json> {
  return (await (await fetch(control + path)).json()) as Json;
}

/** Publishes numbered events by a publisher, with something in the middle. */
async function publishEach(surroundings: Surroundings, client: BaseClient, step: Step): Promise<Json> {
  const given = (step["publisher"] ?? {}) as Record<string, number>;
  const { linger_ms: lingerMs, max_events: maxEvents, in_flight: inFlight, outstanding } = given;
  const publisher = client.publisher({ lingerMs, maxEvents, inFlight, outstanding } as PublisherOptions);
  const [count, bad, keys] = [step["publish_each"] as number, (step["bad"] ?? []) as number[], step["keys"] as number | undefined];
  const publications: Publication[] = [];
  let meanwhile: Promise<unknown> | undefined;
  for (let n = 0; n < count; n++) {
    if (n === Math.floor(count / 2) && step["meanwhile"] !== undefined) {
      meanwhile = ask(surroundings, step["meanwhile"] as string);
      await sleep(1);
    }
    const orderingKey = keys === undefined ? {} : { orderingKey: `k${n % keys}` };
    await publisher.room();
    publications.push(publisher.publish({ id: `e${n}`, type: bad.includes(n) ? "" : "created", data: { n }, ...orderingKey }));
  }
  await publisher.close();
  await meanwhile;
  const failed: number[] = [];
  for (const [n, publication] of publications.entries()) {
    const result = await publication.catch(() => undefined);
    if (result === undefined) {
      failed.push(n);
    } else {
      assert.equal(result.eventId, publication.eventId);
    }
  }
  return { stored: count - failed.length, failed };
}

/** Checks that the events of each key were stored in the order of their numbers. */
async function ordered(client: BaseClient, keys: number): Promise<Json> {
  const last = new Map<number, number>();
  let count = 0;
  for await (const { id } of client.listEvents({ pageSize: 1000 })) {
    const n = Number(id.slice(1));
    assert.ok(n < (last.get(n % keys) ?? Infinity), `${id} is before e${last.get(n % keys)}`); // newest first
    last.set(n % keys, n);
    count++;
  }
  return { count };
}

/** The policy of a step: true or false, or the fields that are not zero. */
function retryOf(step: Step): Partial<RetryPolicy> {
  const given = (step["retry"] ?? true) as boolean | Record<string, number | boolean>;
  if (typeof given === "boolean") {
    return { enabled: given };
  }
  const [initialMs, multiplier, maxMs] = ["initial_ms", "multiplier", "max_ms"].map((name) => (given[name] ?? 0) as number);
  return { initialMs: initialMs!, multiplier: multiplier!, maxMs: maxMs!, jitter: 0, enabled: given["enabled"] !== false };
}

/** Opens streams whose events do not end, and leaves each after its first acknowledgement. */
async function leave(client: BaseClient, step: Step): Promise<Json> {
  const [event] = step["publish_stream"] as Step[];
  function* endless(): Generator<EventInit> {
    for (;;) {
      yield toEvent(event!);
    }
  }
  for (let index = 0; index < (step["leave"] as number); index++) {
    for await (const ack of client.publishStream(endless())) {
      assert.ok(ack.result);
      break;
    }
  }
  return {};
}

/** Publishes from a source that fails with an error of its own. */
async function failAt(client: BaseClient, step: Step): Promise<Json> {
  const failure = new RangeError("the source failed");
  function* source(): Generator<EventInit> {
    yield* (step["publish_stream"] as Step[]).slice(0, step["fail_at"] as number).map(toEvent);
    throw failure;
  }
  let acknowledged = 0;
  try {
    for await (const ack of client.publishStream(source())) {
      acknowledged += ack.result === undefined ? 0 : 1;
    }
  } catch (thrown) {
    return { acknowledged, own_error: thrown === failure };
  }
  return { acknowledged, own_error: false };
}

/** Waits so long for a change, which does not come unless it is one to skip. */
async function wait(open: OpenWatch, step: Step): Promise<Json> {
  const skip = (step["skip"] ?? []) as string[];
  skip.forEach((event) => open.known.add(event));
  try {
    const next = await open.watch.next({ signal: AbortSignal.timeout(step["wait_ms"] as number) });
    assert.ok(next.done !== true && skip.includes(next.value.change.delivery!.eventId), "not nothing");
  } catch (error) {
    assert.ok(error instanceof TenterhookError && error.code === Code.Canceled, String(error));
  }
  return {};
}

/** Reads so many changes, or until each event was seen in the state; none may come twice, and no other event. */
async function take(open: OpenWatch, step: Step, signal?: AbortSignal): Promise<Json> {
  const count = (step["count"] ?? 0) as number;
  const events = (step["events"] ?? (count > 0 ? [] : ["an error"])) as string[];
  const waiting = new Set(events);
  events.forEach((event) => open.known.add(event));
  let token = "";
  let taken = 0;
  for (; waiting.size > 0 || taken < count; taken++) {
    const next = await open.watch.next({ signal });
    if (next.done === true) {
      return { closed: true };
    }
    token = next.value.token;
    const delivery = asJson(DeliverySchema, next.value.change.delivery!) as Step;
    const mark = `${text(delivery["id"])} ${text(delivery["state"])} ${text(delivery["attempt_count"])}`;
    const event = text(delivery["event_id"]);
    if (count > 0) {
      open.known.add(event);
    }
    assert.ok(open.known.has(event) && !open.seen.has(mark), `${mark} of ${event} came twice or is not wanted`);
    open.seen.add(mark);
    if (delivery["state"] === step["state"]) {
      waiting.delete(event);
    }
  }
  return { token, count: taken };
}

async function publishAll(client: BaseClient, events: AsyncIterable<EventInit>): Promise<Json> {
  const acks: Json[] = [];
  for await (const ack of client.publishStream(events)) {
    if (ack.error === undefined) {
      acks.push({ result: asJson(PublishResultSchema, ack.result!) });
    } else {
      const field = ack.error.fieldViolations[0]?.field ?? "";
      acks.push({ error: { code: codeName(ack.error.code), reason: ack.error.reasonName, field, text: ack.error.message } });
    }
  }
  return acks;
}

async function list(client: BaseClient, what: string, request: Step): Promise<Json> {
  const deliveries = client.listDeliveries(what === "deliveries" ? fromJson(ListDeliveriesRequestSchema, request) : {});
  const items: AsyncIterable<unknown> =
    what === "webhooks"
      ? client.listWebhooks(fromJson(ListWebhooksRequestSchema, request))
      : what === "events"
        ? client.listEvents(fromJson(ListEventsRequestSchema, request))
        : deliveries;
  let count = 0;
  for await (const item of items) {
    count += item === undefined ? 0 : 1;
  }
  return { count, resume_token: deliveries.resumeToken };
}

/** Calls any method that is no stream by its name. */
async function call(client: BaseClient, path: string, fields: Step): Promise<Json> {
  const [serviceName, methodName] = path.split("/");
  const [service, group] = services[serviceName!]!;
  const method = service.methods.find((one) => one.name === methodName)!;
  const calls = client[group] as unknown as Record<string, (request: unknown) => Promise<MessageShape<DescMessage>>>;
  return asJson(method.output, await calls[method.localName]!(fromJson(method.input, fields)));
}

function asJson<S extends DescMessage>(schema: S, message: MessageShape<S>): Json {
  return toJson(schema, message, { useProtoFieldName: true }) as Json;
}

function toEvent(step: Step): EventInit {
  const { type, id, namespace, object_type, username, data, snapshots, attributes } = step;
  const given = { type, id, namespace, objectType: object_type, username, data, snapshots, attributes };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as EventInit;
}

function codeName(code: Code): string {
  const name = Code[code].replaceAll(/(.)([A-Z])/g, "$1_$2").toUpperCase();
  return name === "CANCELED" ? "CANCELLED" : name;
}

function checkError(error: TenterhookError, wanted: Step): void {
  const code = codeName(error.code);
  assert.ok(text(wanted["code"]).split("|").includes(code), error.message);
  assert.ok(error instanceof (kinds[code] ?? TenterhookError), error.name);
  assert.equal(error instanceof ClosedError, wanted["closed"] ?? false, error.name);
  if (wanted["reason"] !== undefined) {
    assert.equal(error.reasonName, wanted["reason"], error.message);
  }
  if (wanted["permanent"] !== undefined) {
    assert.equal(error.permanent, wanted["permanent"], error.message);
  }
  if (wanted["field"] !== undefined) {
    assert.ok(error.fieldViolations.some(({ field }) => field.startsWith(text(wanted["field"]))), error.message);
  }
  if (wanted["message"] !== undefined) {
    contains(error.rawMessage, wanted["message"], "message");
  }
  if (wanted["text"] !== undefined) {
    contains(error.message, wanted["text"], "text");
  }
  if (wanted["retry_after"] !== undefined) {
    assert.equal(error.retryAfterMs !== undefined, wanted["retry_after"], error.message);
  }
  for (const name of (wanted["metadata"] ?? []) as string[]) {
    assert.ok(error.metadata[name], `${name} is not in ${JSON.stringify(error.metadata)}`);
  }
}
