// The client for browsers, over gRPC-Web. Publishing as a stream is not possible there.

import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { addHeaders, BaseClient, type ClientOptions } from "./client.js";

export * from "./common.js";

/** A client of one Tenterhook server, over gRPC-Web. */
export class Client extends BaseClient {
  /** `baseUrl` is the URL of the server or of the proxy in front of it. */
  constructor(baseUrl: string, options: ClientOptions = {}) {
    const transport = createGrpcWebTransport({ baseUrl, interceptors: [addHeaders(options)] });
    super(() => ({ transport, close: () => {} }), options);
  }
}
