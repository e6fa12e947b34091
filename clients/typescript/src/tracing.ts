// Traces of calls by OpenTelemetry: `tenterhook/tracing`, with `@opentelemetry/api` beside it.
//
// Each try of a call, stream or watch is a span of its own, named and described by the semantic conventions of RPC,
// and its trace context goes along: the server's span, and the `traceparent` of what it delivers, follow it.

import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace, type TracerProvider } from "@opentelemetry/api";

/** An interceptor of `Client`; spans go to the provider that is set for the program, or to `provider`. */
export function tracing(provider: Pick<TracerProvider, "getTracer"> = trace): Interceptor {
  const tracer = provider.getTracer("tenterhook");
  return (next) => async (request) => {
    const method = `${request.service.typeName}/${request.method.name}`;
    const attributes = { "rpc.system.name": "grpc", "rpc.method": method };
    const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes });
    propagation.inject(trace.setSpan(context.active(), span), request.header, {
      set: (header, key, value) => header.set(key, value),
    });
    try {
      const response = await next(request);
      if (response.stream) {
        return { ...response, message: through(response.message, span, request.signal) };
      }
      end(span);
      return response;
    } catch (error) {
      end(span, error);
      throw error;
    }
  };
}

/** The messages of a stream; the span ends with them, or when nobody wants more. */
async function* through<T>(messages: AsyncIterable<T>, span: Span, signal: AbortSignal): AsyncGenerator<T> {
  // A call that is left is aborted, and nothing is read of it any more.
  const left = (): void => end(span, new ConnectError("nobody wants more", Code.Canceled));
  signal.addEventListener("abort", left, { once: true });
  let error: unknown;
  try {
    yield* messages;
  } catch (thrown) {
    error = thrown;
    throw thrown;
  } finally {
    signal.removeEventListener("abort", left);
    if (span.isRecording()) {
      end(span, error);
    }
  }
}

function end(span: Span, error?: unknown): void {
  const code = error === undefined ? "OK" : codeName(ConnectError.from(error).code);
  span.setAttribute("rpc.response.status_code", code);
  if (error !== undefined) {
    span.setAttribute("error.type", code);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

/** `NOT_FOUND`, as gRPC writes it, and `CANCELLED`, which Connect writes with one L. */
function codeName(code: Code): string {
  return code === Code.Canceled ? "CANCELLED" : Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
