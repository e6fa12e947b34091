// The client for Node, over gRPC, and `verify` for receivers.

import type { ClientHttp2Stream } from "node:http2";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { readEnvironment } from "./environment.js";
import { addHeaders, BaseClient, type ClientOptions, type Connection } from "./client.js";

export * from "./common.js";
export { FileCheckpoint } from "./checkpoint-file.js";
export { apiKeyFile } from "./environment.js";
export type { WebhookEvent } from "./event.js";
export type { CustomSignature, VerifyCustomOptions } from "./custom.js";
export { type HeadersLike, InvalidSignature, Misconfigured, type Scheme, type SignOptions, type VerifyOptions } from "./signatures.js";
export { parse, signForTest, verify, verifyCustom } from "./verify-node.js";

/** 64 MiB bound one answer. */
const maxReceiveBytes = 64 << 20;
/** A connection that a firewall forgot is noticed while calls wait on it. */
const alive = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 };

export interface NodeOptions extends ClientOptions {
  /** PEM certificates to trust instead of the system's; implies TLS. */
  ca?: string | Buffer;
  /** PEM certificate chain to show to the server (mTLS); implies TLS. */
  cert?: string | Buffer;
  /** PEM private key of that certificate. */
  key?: string | Buffer;
}

/** A client of one Tenterhook server, over gRPC. */
export class Client extends BaseClient {
  /**
   * `target` is `host:port`, or a URL such as `https://hooks.example.com`. TLS is used unless the host is this machine or the target begins with
   * `http://`; an API key is not sent to another machine without it. It connects at its first call.
   */
  constructor(target: string, options: NodeOptions = {}) {
    const baseUrl = parseTarget(target, options);
    super(() => connect(baseUrl, options), options);
  }

  /**
   * A client with the settings of the environment; `options` win over them. Reads TENTERHOOK_ADDRESS,
   * TENTERHOOK_API_KEY or TENTERHOOK_API_KEY_FILE, TENTERHOOK_NAMESPACE, and the files of TENTERHOOK_CA,
   * TENTERHOOK_CLIENT_CERT and TENTERHOOK_CLIENT_KEY. Throws a TypeError that names every variable at fault.
   */
  static fromEnv(options: NodeOptions = {}): Client {
    const settings = readEnvironment(process.env);
    return new Client(settings.target, { ...settings.options, ...options });
  }
}

function connect(baseUrl: string, options: NodeOptions): Connection {
  const { ca, cert, key } = options;
  const tls = Object.fromEntries(Object.entries({ ca, cert, key }).filter(([, value]) => value !== undefined));
  const sessionManager = new Sessions(baseUrl, alive, tls);
  const interceptors = [...(options.interceptors ?? []), addHeaders(options)];
  const transport = createGrpcTransport({ baseUrl, sessionManager, readMaxBytes: maxReceiveBytes, interceptors });
  return { transport, close: () => sessionManager.abort() };
}

/**
 * Connections whose late errors are heard by somebody. Connect stops listening when the client is closed; what Node says
 * of a connection after that, such as that the server spoke no HTTP/2, would end the program.
 */
class Sessions extends Http2SessionManager {
  override async request(...parameters: Parameters<Http2SessionManager["request"]>): Promise<ClientHttp2Stream> {
    const stream = await super.request(...parameters);
    if (stream.session?.listeners("error").includes(ignore) === false) {
      stream.session.on("error", ignore);
    }
    return stream;
  }
}

function ignore(): void {}

function parseTarget(target: string, options: NodeOptions): string {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^/:@?#\s]+)(?::([0-9]{1,5}))?\/?$/.exec(target);
  if (match === null || (match[1] === undefined && match[3] === undefined)) {
    throw new TypeError(`the target ${JSON.stringify(target)} is not host:port`);
  }
  const [, scheme, host, port] = match;
  const local = host === "localhost" || host === "[::1]" || /^127(\.[0-9]{1,3}){3}$/.test(host!);
  const wantsTls = options.ca !== undefined || options.cert !== undefined || scheme === "https" || !local;
  const secure = scheme !== "http" && wantsTls;
  if (!secure && !local && options.apiKey !== undefined) {
    throw new TypeError("an API key is not sent without TLS to another machine");
  }
  return `${secure ? "https" : "http"}://${host}:${port ?? (secure ? "443" : "80")}`;
}
