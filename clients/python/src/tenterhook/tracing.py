"""Traces of calls by OpenTelemetry: `pip install tenterhook[otel]`.

Each try of a call, stream or watch is a span of its own, named and described by the semantic conventions of RPC, and
its trace context goes along: the server's span, and the `traceparent` of what it delivers, follow it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider

__all__ = ["async_tracing", "tracing"]


def tracing(provider: TracerProvider | None = None) -> Sequence[Any]:
    """The interceptors of `Client`; spans go to the provider that is set for the program, or to `provider`."""
    return [_Blocking(_tracer(provider))]


def async_tracing(provider: TracerProvider | None = None) -> Sequence[Any]:
    """The interceptors of `AsyncClient`, which wants one a kind of call; otherwise as `tracing`."""
    tracer = _tracer(provider)
    return [_AsyncUnary(tracer), _AsyncWatch(tracer), _AsyncStream(tracer)]


def _tracer(provider: TracerProvider | None) -> trace.Tracer:
    return trace.get_tracer("tenterhook", tracer_provider=provider)


def _start(tracer: trace.Tracer, path: str) -> tuple[Span, dict[str, str]]:
    """A span, and the metadata that carries it."""
    method = path.lstrip("/")
    attributes = {"rpc.system.name": "grpc", "rpc.method": method}
    span = tracer.start_span(method, kind=SpanKind.CLIENT, attributes=attributes)
    carrier: dict[str, str] = {}
    propagate.inject(carrier, trace.set_span_in_context(span))
    return span, carrier


def _end(span: Span, code: grpc.StatusCode) -> None:
    span.set_attribute("rpc.response.status_code", code.name)
    if code is not grpc.StatusCode.OK:
        span.set_attribute("error.type", code.name)
        span.set_status(StatusCode.ERROR)
    span.end()


class _Blocking(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def _intercept(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        span, carrier = _start(self._tracer, details.method)
        metadata = [*(details.metadata or ()), *carrier.items()]
        call = continuation(details._replace(metadata=metadata), request)
        call.add_done_callback(lambda ended: _end(span, ended.code()))
        return call

    intercept_unary_unary: Any = _intercept
    intercept_unary_stream: Any = _intercept
    intercept_stream_stream: Any = _intercept


class _Async:
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self._ending: set[asyncio.Task[None]] = set()

    async def _intercept(self, continuation: Callable[..., Awaitable[Any]], details: Any, request: Any) -> Any:
        span, carrier = _start(self._tracer, details.method.decode())
        for key, value in carrier.items():
            details.metadata.add(key, value)
        try:
            call = await continuation(details, request)
        except BaseException:
            _end(span, grpc.StatusCode.CANCELLED)
            raise
        ending = asyncio.get_running_loop().create_task(self._end_with(span, call))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return call

    async def _end_with(self, span: Span, call: Any) -> None:
        _end(span, await call.code())


class _AsyncUnary(_Async, grpc.aio.UnaryUnaryClientInterceptor):
    intercept_unary_unary: Any = _Async._intercept


class _AsyncWatch(_Async, grpc.aio.UnaryStreamClientInterceptor):
    intercept_unary_stream: Any = _Async._intercept


class _AsyncStream(_Async, grpc.aio.StreamStreamClientInterceptor):
    intercept_stream_stream: Any = _Async._intercept
