"""Spans of calls, by the SDK of OpenTelemetry itself."""

import time

import pytest
from fakes import Refuse
from grpc import StatusCode as Code
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from test_calls import UNAVAILABLE, published
from test_watch import silent

from tenterhook import TenterhookError
from tenterhook.tracing import async_tracing, tracing
from tenterhook.v1.delivery_service_pb2 import WatchDeliveriesResponse
from tenterhook.v1.event_service_pb2 import StreamPublishEventsResponse

PUBLISH = "tenterhook.v1.EventService/PublishEvent"


class Spans:
    def __init__(self, kind):
        self._ended = InMemorySpanExporter()
        self._provider = TracerProvider()
        self._provider.add_span_processor(SimpleSpanProcessor(self._ended))
        self.interceptors = (tracing if kind == "sync" else async_tracing)(self._provider)

    def ended(self, count):
        """Streams end in threads of gRPC: waits for as many spans as there must be."""
        end = time.monotonic() + 10
        while len(spans := self._ended.get_finished_spans()) < count and time.monotonic() < end:
            time.sleep(0.001)
        assert len(spans) == count
        return spans


@pytest.fixture
def spans(kind):
    return Spans(kind)


def traceparent(span):
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"


def test_each_try_is_a_span_whose_context_goes_along(connect, server, spans):
    server.answers += [UNAVAILABLE, published("e")]
    connect(interceptors=spans.interceptors).publish("created")
    refused, answered = spans.ended(2)
    assert [refused.name, answered.name] == [PUBLISH, PUBLISH]
    assert refused.kind is SpanKind.CLIENT
    assert dict(refused.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.method": PUBLISH,
        "rpc.response.status_code": "UNAVAILABLE",
        "error.type": "UNAVAILABLE",
    }
    assert not refused.status.is_ok and answered.attributes["rpc.response.status_code"] == "OK"
    assert [one["traceparent"] for one in server.metadata] == [traceparent(refused), traceparent(answered)]


def test_an_error_of_the_server_reaches_the_caller_and_the_span(connect, server, spans):
    server.answers += [Refuse(Code.NOT_FOUND)]
    with pytest.raises(TenterhookError):
        connect(interceptors=spans.interceptors).publish("created")
    assert spans.ended(1)[0].attributes["error.type"] == "NOT_FOUND"


def test_a_watch_is_a_span_until_it_ends(connect, server, spans):
    change = WatchDeliveriesResponse(resume_token="t", change={})
    server.answers += [[change, Refuse(Code.NOT_FOUND)]]
    watch = connect(interceptors=spans.interceptors).watch()
    assert next(watch).token == "t"
    with pytest.raises(TenterhookError):
        next(watch)
    (span,) = spans.ended(1)
    assert span.name.endswith("/WatchDeliveries") and span.attributes["error.type"] == "NOT_FOUND"
    assert server.metadata[0]["traceparent"] == traceparent(span)


def test_a_watch_that_is_closed_is_a_span_that_ends(connect, server, spans):
    change = WatchDeliveriesResponse(resume_token="t", change={})
    server.answers += [[change, silent(20)]]
    watch = connect(interceptors=spans.interceptors).watch()
    assert next(watch).token == "t"
    watch.close()
    assert spans.ended(1)[0].attributes["error.type"] == "CANCELLED"


def test_a_stream_of_events_is_a_span(connect, server, spans):
    server.answers += [StreamPublishEventsResponse(result={"event_id": "e"})]
    client = connect(interceptors=spans.interceptors)
    assert len(list(client.publish_stream([{"type": "created"}]))) == 1
    assert spans.ended(1)[0].attributes["rpc.response.status_code"] == "OK"
