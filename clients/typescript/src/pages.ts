// Lists that turn their own pages.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client as ServiceClient } from "@connectrpc/connect";
import type { Delivery } from "./gen/tenterhook/v1/delivery_pb.js";
import type { DeliveryService, ListDeliveriesRequestSchema } from "./gen/tenterhook/v1/delivery_service_pb.js";

/** Yields the items of page after page; `fetch` gives a page's items and the next page's token. */
export async function* pages<T>(
  first: string | undefined,
  fetch: (pageToken: string) => Promise<[T[], string]>,
): AsyncGenerator<T> {
  let token = first ?? "";
  do {
    const [items, next] = await fetch(token);
    yield* items;
    token = next;
  } while (token !== "");
}

/** A list of deliveries and the place where it was taken. */
export class DeliveryList implements AsyncIterable<Delivery> {
  /** Starts a watch that misses no change after the list; empty until the first page has come. */
  resumeToken = "";
  readonly #deliveries: ServiceClient<typeof DeliveryService>;
  readonly #request: MessageInitShape<typeof ListDeliveriesRequestSchema>;

  constructor(
    deliveries: ServiceClient<typeof DeliveryService>,
    request: MessageInitShape<typeof ListDeliveriesRequestSchema>,
  ) {
    this.#deliveries = deliveries;
    this.#request = request;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Delivery> {
    return pages(this.#request.pageToken, async (pageToken) => {
      const response = await this.#deliveries.listDeliveries({ ...this.#request, pageToken });
      this.resumeToken = response.resumeToken || this.resumeToken;
      return [response.deliveries, response.nextPageToken];
    });
  }
}
