"""Deadlines, retries, errors and headers of single calls, against a scripted server."""

import threading
import time

import grpc
import pytest
from fakes import Refuse, Server, error_info, open_client, retry_info, stream_of
from google.rpc import error_details_pb2

from tenterhook import (
    Conflict,
    ErrorReason,
    Invalid,
    NotFound,
    RetryPolicy,
    TenterhookError,
    Unavailable,
)
from tenterhook.errors import FieldViolation, from_rpc_error
from tenterhook.policy import METHODS
from tenterhook.v1 import webhook_service_pb2
from tenterhook.v1.delivery_pb2 import Delivery
from tenterhook.v1.delivery_service_pb2 import ListDeliveriesResponse, RetryDeliveryResponse, WatchDeliveriesResponse
from tenterhook.v1.event_service_pb2 import (
    BatchPublishEventsResponse,
    PublishEventResponse,
    PublishResult,
    StreamPublishEventsResponse,
)
from tenterhook.v1.webhook_pb2 import Webhook
from tenterhook.v1.webhook_service_pb2 import (
    CreateWebhookResponse,
    GetWebhookResponse,
    ListWebhooksResponse,
)

Code = grpc.StatusCode
UNAVAILABLE = Refuse(Code.UNAVAILABLE)


def published(event_id):
    return PublishEventResponse(result=PublishResult(event_id=event_id))


def test_publish_retries_under_one_id(client, server):
    server.answers += [UNAVAILABLE, UNAVAILABLE, published("e")]
    assert client.publish("created", data={"id": 1}).event_id == "e"
    ids = {request.event.id for request in server.requests}
    assert len(server.requests) == 3 and len(ids) == 1 and ids != {""}


# gRPC rounds a deadline on its way.
@pytest.mark.parametrize(("options", "least", "most"), [({}, 60, 71), ({"timeout": 20}, 15, 21)])
def test_a_test_of_a_webhook_may_take_as_long_as_an_attempt(connect, server, options, least, most):
    left = []

    def answer(_request, context):
        left.append(context.time_remaining())
        return webhook_service_pb2.TestWebhookResponse()

    server.answers += [answer]
    connect(**options).webhooks.test_webhook(webhook_id="wh")
    assert least < left[0] <= most


def test_a_publish_that_succeeds_is_sent_once(client, server):
    server.answers += [published("e")]
    client.publish("created", id="mine")
    assert [request.event.id for request in server.requests] == ["mine"]


def test_unavailable_is_retried_even_where_nothing_is_idempotent(client, server):
    server.answers += [UNAVAILABLE, RetryDeliveryResponse()]
    client.deliveries.retry_delivery(delivery_id="dlv")
    assert len(server.requests) == 2


def test_retry_info_is_obeyed(client, server):
    limited = Refuse(Code.RESOURCE_EXHAUSTED, "slow", error_info("RATE_LIMITED"), retry_info(0.3))
    server.answers += [limited, published("e")]
    start = time.monotonic()
    client.publish("created")
    assert time.monotonic() - start >= 0.3


def test_retry_info_alone_repeats_no_call_that_is_not_idempotent(client, server):
    server.answers += [Refuse(Code.RESOURCE_EXHAUSTED, "slow", retry_info(0.01))]
    with pytest.raises(TenterhookError) as caught:
        client.deliveries.retry_delivery(delivery_id="dlv")
    assert caught.value.retry_after == 0.01 and len(server.requests) == 1


def test_a_wait_beyond_the_deadline_is_not_begun(client, server):
    server.answers += [Refuse(Code.UNAVAILABLE, "later", retry_info(60))]
    start = time.monotonic()
    with pytest.raises(Unavailable):
        client.publish("created")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("code", [Code.INTERNAL, Code.INVALID_ARGUMENT, Code.PERMISSION_DENIED])
def test_other_errors_are_told_at_once(client, server, code):
    server.answers += [Refuse(code)]
    with pytest.raises(TenterhookError) as caught:
        client.publish("created")
    assert caught.value.code is code and len(server.requests) == 1


def test_retries_can_be_turned_off(connect, server):
    server.answers += [UNAVAILABLE]
    with pytest.raises(Unavailable):
        connect(retry=RetryPolicy(enabled=False)).publish("created")
    assert len(server.requests) == 1


def test_the_deadline_covers_all_tries(connect, server):
    server.answers += [UNAVAILABLE] * 500
    start = time.monotonic()
    with pytest.raises(TenterhookError):
        connect(timeout=0.5).publish("created")
    assert 0.2 < time.monotonic() - start < 2 and len(server.requests) > 2


def test_a_server_that_does_not_answer_ends_at_the_deadline(client, server):
    server.answers += [lambda request, context: time.sleep(0.6) or published("late")]
    with pytest.raises(TenterhookError) as caught:
        client.events.publish_event(event={"type": "created"}, timeout=0.2)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("code", "kind_of_error"),
    [
        (Code.NOT_FOUND, NotFound),
        (Code.ALREADY_EXISTS, Conflict),
        (Code.ABORTED, Conflict),
        (Code.FAILED_PRECONDITION, Conflict),
        (Code.INVALID_ARGUMENT, Invalid),
        (Code.OUT_OF_RANGE, Invalid),
    ],
)
def test_codes_have_types(client, server, code, kind_of_error):
    server.answers += [Refuse(code)]
    with pytest.raises(kind_of_error):
        client.webhooks.get_webhook(webhook_id="wh")


def test_an_error_tells_reason_fields_and_metadata(client, server):
    bad = error_details_pb2.BadRequest(
        field_violations=[{"field": "webhook.request.url", "description": "is not absolute"}]
    )
    info = error_info("URL_FORBIDDEN", host="10.0.0.1")
    server.answers += [Refuse(Code.INVALID_ARGUMENT, "no", info, bad)]
    with pytest.raises(Invalid) as caught:
        client.create_webhook({"display_name": "x"})
    error = caught.value
    assert error.reason == ErrorReason.ERROR_REASON_URL_FORBIDDEN
    assert error.reason_name == "URL_FORBIDDEN"
    assert error.metadata == {"host": "10.0.0.1"}
    assert error.field_violations[0].field == "webhook.request.url"
    assert error.field_violations[0].description == "is not absolute"
    assert str(error) == "INVALID_ARGUMENT URL_FORBIDDEN: no"


def test_a_reason_of_another_domain_or_a_newer_server_is_unspecified(client, server):
    foreign = error_details_pb2.ErrorInfo(domain="else", reason="EVENT_NOT_FOUND")
    server.answers += [Refuse(Code.NOT_FOUND, "a", foreign), Refuse(Code.NOT_FOUND, "b", error_info("NEW"))]
    for _ in range(2):
        with pytest.raises(NotFound) as caught:
            client.events.get_event(event_id="e")
        assert caught.value.reason == ErrorReason.ERROR_REASON_UNSPECIFIED


def test_a_stream_that_breaks_while_it_is_written_to_is_unavailable():
    broken = grpc.aio.AioRpcError(Code.INTERNAL, (), (), "Internal error from Core")
    assert isinstance(from_rpc_error(broken), Unavailable)


def test_the_key_and_the_programs_headers_are_sent(connect, server):
    server.answers += [published("e")]
    client = connect(api_key="th_x", headers=lambda: {"Traceparent": "00-1-2-01"})
    client.publish("created")
    assert server.metadata[0]["authorization"] == "Bearer th_x"
    assert server.metadata[0]["traceparent"] == "00-1-2-01"


def test_the_clients_namespace_is_used_where_none_is_given(connect, server):
    server.answers += [published("e"), published("e"), BatchPublishEventsResponse()]
    client = connect(namespace="mine")
    client.publish("created")
    client.publish("created", namespace="other")
    client.publish_batch([{"type": "created"}])
    assert [r.event.namespace for r in server.requests[:2]] == ["mine", "other"]
    assert server.requests[2].events[0].namespace == "mine"


def test_create_webhook_returns_the_secret_and_repeats_under_one_request_id(client, server):
    answer = CreateWebhookResponse(webhook=Webhook(id="wh"), signing_secret="whsec_x")
    server.answers += [UNAVAILABLE, answer]
    webhook, secret = client.create_webhook({"display_name": "x", "request": {"url": "https://e"}})
    assert webhook.id == "wh" and secret == "whsec_x"
    assert len({request.request_id for request in server.requests} - {""}) == 1


def test_lists_turn_the_pages(client, server):
    server.answers += [
        ListWebhooksResponse(webhooks=[Webhook(id="a"), Webhook(id="b")], next_page_token="2"),
        ListWebhooksResponse(webhooks=[Webhook(id="c")]),
    ]
    pages = client.list_webhooks(labels={"team": "net"}, page_size=2)
    assert [webhook.id for webhook in pages] == ["a", "b", "c"]
    assert [request.page_token for request in server.requests] == ["", "2"]
    assert server.requests[1].labels["team"] == "net"


def test_a_list_of_deliveries_tells_where_to_watch(client, server):
    server.answers += [
        ListDeliveriesResponse(deliveries=[Delivery(id="a")], next_page_token="2", resume_token="r"),
        ListDeliveriesResponse(deliveries=[Delivery(id="b")]),
    ]
    pages = client.list_deliveries(states=["DELIVERY_STATE_FAILED"], page_size=1)
    assert [delivery.id for delivery in pages] == ["a", "b"]
    assert pages.resume_token == "r"
    assert server.requests[0].filter.states == [5]


def test_a_stream_acknowledges_each_event(kind, client, server):
    refused = StreamPublishEventsResponse(
        error={"code": 3, "reason": 1, "message": "event.type: is required", "field": "event.type"}
    )
    server.answers += [StreamPublishEventsResponse(result={"event_id": "a"}), refused]
    acks = list(client.publish_stream(stream_of(kind, [{"type": "created"}, {"type": ""}])))
    assert [ack.sequence for ack in acks] == [0, 1]
    assert acks[0].result.event_id == "a" and acks[0].error is None
    assert isinstance(acks[1].error, Invalid)
    assert acks[1].error.field_violations == (FieldViolation("event.type", "is required"),)


def test_a_stream_that_breaks_raises(kind, client, server):
    server.answers += [Refuse(Code.RESOURCE_EXHAUSTED)]
    with pytest.raises(TenterhookError) as caught:
        list(client.publish_stream(stream_of(kind, [{"type": "created"}])))
    assert caught.value.code is Code.RESOURCE_EXHAUSTED


def test_a_method_that_does_not_exist_is_an_attribute_error(client):
    with pytest.raises(AttributeError):
        client.webhooks.explode()
    with pytest.raises(AttributeError):
        client.deliveries.watch_deliveries()


def test_a_server_that_comes_late_is_reached(connect, server):
    port = server.port
    server.stop()
    client = connect()
    late = []
    threading.Timer(0.4, lambda: late.append(Server(port, [published("e")]))).start()
    assert client.publish("created").event_id == "e"
    late[0].stop()


@pytest.mark.parametrize("target", ["localhost", "ftp://a:1", "host:port", ""])
def test_a_bad_target_is_refused(target):
    with pytest.raises(ValueError):
        open_client("sync", target)


@pytest.mark.parametrize("target", ["http://example.com:80"])
def test_a_key_is_not_sent_in_the_clear(target):
    with pytest.raises(ValueError, match="TLS"):
        open_client("sync", target, "th_x")


def test_the_key_is_not_printed():
    from tenterhook.connection import Connection

    assert "th_secret" not in repr(Connection("localhost:1", "th_secret", client_key=b"k"))


def test_the_table_of_idempotent_methods_comes_from_the_proto():
    repeatable = {n for g in METHODS.values() for n, m in g.items() if m.idempotent}
    assert {"publish_event", "get_webhook", "cancel_delivery"} <= repeatable
    assert not repeatable & {"update_webhook", "retry_delivery", "test_webhook"}


def test_get_webhook_takes_a_message_too(client, server):
    server.answers += [GetWebhookResponse(webhook=Webhook(id="wh"))]
    request = METHODS["WebhookService"]["get_webhook"].request(webhook_id="wh")
    assert client.webhooks.get_webhook(request).webhook.id == "wh"


class Tracing(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Notes each call, and adds to its metadata."""

    def __init__(self):
        self.methods = []

    def intercept_unary_unary(self, continuation, details, request):
        self.methods.append(details.method.rpartition("/")[2])
        metadata = [*(details.metadata or ()), ("traceparent", "00-1")]
        return continuation(details._replace(metadata=metadata), request)

    intercept_unary_stream = intercept_unary_unary


class TracingOfAsyncio(grpc.aio.UnaryUnaryClientInterceptor):
    """The same for asyncio, which wants an object a kind of call."""

    def __init__(self, methods):
        self.methods = methods

    async def intercept_unary_unary(self, continuation, details, request):
        self.methods.append(details.method.decode().rpartition("/")[2])
        details.metadata.add("traceparent", "00-1")
        return await continuation(details, request)


class StreamsOfAsyncio(grpc.aio.UnaryStreamClientInterceptor):
    __init__ = TracingOfAsyncio.__init__
    intercept_unary_stream = TracingOfAsyncio.intercept_unary_unary


def test_interceptors_see_every_try(kind, connect, server):
    tracing = Tracing()
    of_asyncio = [TracingOfAsyncio(tracing.methods), StreamsOfAsyncio(tracing.methods)]
    interceptors = [tracing] if kind == "sync" else of_asyncio
    change = WatchDeliveriesResponse(resume_token="t", change={})
    server.answers += [UNAVAILABLE, published("e"), [change, Refuse(Code.NOT_FOUND)]]
    client = connect(api_key="th_x", interceptors=interceptors)
    client.publish("created")
    assert next(client.watch()).token == "t"
    assert tracing.methods == ["PublishEvent", "PublishEvent", "WatchDeliveries"]
    assert [one["traceparent"] for one in server.metadata] == ["00-1"] * 3
    assert {one["authorization"] for one in server.metadata} == {"Bearer th_x"}
