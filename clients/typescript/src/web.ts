// The client for browsers, over gRPC-Web. Publishing as a stream is not possible there.

import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { addHeaders, BaseClient, type ClientOptions, type Connection } from "./client.js";

export * from "./common.js";

/** A client of one Tenterhook server, over gRPC-Web. */
export class Client extends BaseClient {
  /** `baseUrl` is the URL of the server or of the proxy in front of it. */
  constructor(baseUrl: string, options: ClientOptions = {}) {
    super(() => connect(baseUrl, options), options);
  }
}

function connect(baseUrl: string, options: ClientOptions): Connection {
  const closing = new AbortController();
  const interceptors = [...(options.interceptors ?? []), addHeaders(options), reachable(closing.signal)];
  return { transport: createGrpcWebTransport({ baseUrl, interceptors }), close: () => closing.abort() };
}

/** Ends calls when the connection is closed. What fetch throws when it reaches nobody is UNAVAILABLE. */
function reachable(closing: AbortSignal): Interceptor {
  return (next) => async (request) => {
    try {
      const response = await next({ ...request, signal: AbortSignal.any([request.signal, closing]) });
      return response.stream ? { ...response, message: unbroken(response.message) } : response;
    } catch (thrown) {
      throw unavailable(thrown);
    }
  };
}

/** The messages of a stream; one whose connection broke is UNAVAILABLE too. */
async function* unbroken<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (thrown) {
    throw unavailable(thrown);
  }
}

/** Fetch throws a TypeError for whatever goes wrong on the network. */
function unavailable(thrown: unknown): unknown {
  const cause = thrown instanceof ConnectError ? thrown.cause : thrown;
  if (cause instanceof TypeError) {
    return new ConnectError(cause.message, Code.Unavailable, undefined, undefined, cause);
  }
  return thrown;
}
