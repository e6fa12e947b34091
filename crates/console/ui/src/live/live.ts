// A live list of deliveries: lists, then watches from the list's token, so nothing is missed. Changes
// are gathered and painted at most ten times a second.

import { signal } from "@preact/signals";
import { type Delivery, type DeliveryFilter, type TenterhookError, type Watch } from "tenterhook/web";
import { asError } from "../api/call.ts";
import { api, code, noteOutcome } from "../api/client.ts";
import { say } from "../app/notices.ts";
import type { DeliveryQuery } from "./query.ts";
import { makeFilter, matches } from "./query.ts";
import { Rows } from "./rows.ts";

const pageSize = 200;
const paintMs = 100;
/** A page that nobody sees stops its stream after this time. */
const hiddenMs = 60_000;

export type LiveState = "loading" | "live" | "sleeping" | "stopped";

/** One live list; a page makes one and stops it when it goes. */
export class Live {
  readonly rows = signal<readonly Delivery[]>([]);
  readonly held = signal(0);
  readonly state = signal<LiveState>("loading");
  readonly error = signal<TenterhookError | undefined>(undefined);
  /** Whether there are older deliveries. */
  readonly more = signal(false);
  /** Whether the reader is further down: new rows wait then. */
  reading = false;

  readonly #namespace: string;
  readonly #query: DeliveryQuery;
  #rows = new Rows<Delivery>();
  #nextPage = "";
  #request: { filter: DeliveryFilter; startedAt: number };
  #watch: Watch | undefined;
  #token = "";
  #changes: Delivery[] = [];
  #paint: ReturnType<typeof setTimeout> | undefined;
  #sleep: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(namespace: string, query: DeliveryQuery) {
    this.#namespace = namespace;
    this.#query = query;
    this.#request = { filter: makeFilter(query, Date.now()), startedAt: Date.now() };
    document.addEventListener("visibilitychange", this.#visibility);
    void this.#list();
  }

  /** The filter of the list, for actions on what it shows. */
  get filter(): DeliveryFilter {
    return this.#request.filter;
  }

  /** Ends the list for good. */
  stop(): void {
    this.#stopped = true;
    document.removeEventListener("visibilitychange", this.#visibility);
    clearTimeout(this.#paint);
    clearTimeout(this.#sleep);
    this.#watch?.close();
  }

  /** Shows the rows that were held back. */
  release(): void {
    this.#rows.release();
    this.#show();
  }

  /** Lists again, as after an action that changes why deliveries wait. */
  restart(): void {
    this.#watch?.close();
    this.#request = { filter: makeFilter(this.#query, Date.now()), startedAt: Date.now() };
    void this.#list();
  }

  /** Fetches the next page of older deliveries. */
  async loadMore(): Promise<void> {
    const pageToken = this.#nextPage;
    if (pageToken === "") {
      return;
    }
    this.#nextPage = "";
    this.more.value = false;
    try {
      const page = await api.deliveries.listDeliveries({
        namespace: this.#namespace,
        filter: this.#request.filter,
        pageSize,
        pageToken,
      });
      this.#rows.append(page.deliveries);
      this.#nextPage = page.nextPageToken;
      this.#show();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  async #list(): Promise<void> {
    const request = this.#request;
    try {
      const page = await api.deliveries.listDeliveries({
        namespace: this.#namespace,
        filter: request.filter,
        pageSize,
      });
      if (this.#stopped || request !== this.#request) {
        return;
      }
      noteOutcome(undefined);
      this.#rows = new Rows();
      this.#changes = [];
      this.#rows.append(page.deliveries);
      this.#nextPage = page.nextPageToken;
      this.#token = page.resumeToken;
      this.error.value = undefined;
      this.#show();
      void this.#follow();
    } catch (thrown) {
      if (!this.#stopped && request === this.#request) {
        this.#fail(thrown);
      }
    }
  }

  async #follow(): Promise<void> {
    const { filter, startedAt } = this.#request;
    // Times are not allowed in a watch, and what a delivery may leave again is filtered here, so that
    // a row that changes is seen to change.
    const lasting = { webhookIds: filter.webhookIds, eventIds: filter.eventIds, eventTypes: filter.eventTypes };
    const watch = api.watch({
      namespace: this.#namespace,
      filter: lasting,
      start: { case: "resumeToken", value: this.#token },
    });
    this.#watch = watch;
    this.state.value = "live";
    try {
      for await (const { change, token } of watch) {
        this.#token = token;
        if (change.delivery !== undefined) {
          this.#take(change.delivery, startedAt);
        }
      }
    } catch (thrown) {
      const error = asError(thrown);
      if (error.code === code.outOfRange && this.#watch === watch) {
        say("The changes since are no longer kept: the list was fetched again.");
        this.restart();
      } else {
        this.#fail(error);
      }
    }
  }

  #take(delivery: Delivery, startedAt: number): void {
    if (this.#rows.has(delivery.id) || matches(this.#query, delivery, startedAt)) {
      this.#changes.push(delivery);
      this.#paint ??= setTimeout(() => {
        this.#paint = undefined;
        this.#rows.put(this.#changes.splice(0), this.reading);
        this.#show();
      }, paintMs);
    }
  }

  #show(): void {
    this.rows.value = this.#rows.list;
    this.held.value = this.#rows.held;
    this.more.value = this.#nextPage !== "";
  }

  #fail(thrown: unknown): void {
    this.error.value = asError(thrown);
    this.state.value = "stopped";
    noteOutcome(this.error.value);
  }

  readonly #visibility = (): void => {
    clearTimeout(this.#sleep);
    if (document.hidden) {
      this.#sleep = setTimeout(() => {
        this.#token = this.#watch?.resumeToken || this.#token;
        this.#watch?.close();
        this.state.value = "sleeping";
      }, hiddenMs);
    } else if (this.state.value === "sleeping") {
      void this.#follow();
    }
  };
}
