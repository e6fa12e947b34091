"""The blocking client."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc

from .connection import Connection
from .errors import TenterhookError, from_rpc_error
from .messages import as_event, as_request, build
from .policy import METHODS, PUBLISH, PUBLISH_BATCH, Method, ends_watch
from .results import Ack, WatchItem, WatchState, filtered, read_ack, watch_state
from .v1.delivery_pb2 import Delivery
from .v1.event_pb2 import Event
from .v1.event_service_pb2 import (
    BatchPublishEventsRequest,
    EventFilter,
    PublishEventRequest,
    PublishEventResponse,
    PublishResult,
    StreamPublishEventsRequest,
)
from .v1.webhook_pb2 import Webhook

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .connection import Options
    from .v1.calls import (
        DeliveryCalls,
        EventCalls,
        EventFields,
        EventInit,
        ListDeliveriesFlatFields,
        ListEventsFlatFields,
        ListWebhooksRequestFields,
        WatchDeliveriesFlatFields,
        WebhookCalls,
        WebhookFields,
    )

T = TypeVar("T")
_EVENT_FILTERS = frozenset(EventFilter.DESCRIPTOR.fields_by_name)


class Base:
    """What both clients are made of: `api` is `grpc` or `grpc.aio`."""

    def __init__(self, api: Any, target: str, api_key: str | None, options: Options) -> None:
        self._connection = Connection(target, api_key, **options)
        self._channel = self._connection.open(api)
        self._stubs: dict[str, Callable[..., Any]] = {}

    def _scoped(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"namespace": self._connection.namespace, **fields}

    def _event(self, event: Event | Mapping[str, Any]) -> Event:
        return as_event(event if isinstance(event, Event) else self._scoped(event))

    def _webhook(self, webhook: Webhook | Mapping[str, Any]) -> Webhook:
        return webhook if isinstance(webhook, Webhook) else build(Webhook, self._scoped(webhook))

    def _stub(self, method: Method) -> Callable[..., Any]:
        stub = self._stubs.get(method.path)
        if stub is None:
            stub = self._stubs[method.path] = self._channel.unary_unary(
                method.path, method.request.SerializeToString, method.response.FromString
            )
        return stub


class Client(Base):
    """A client of one Tenterhook server; safe to share between threads.

    Takes the arguments of `tenterhook.connection.Connection`. Every method of the API is at
    `webhooks`, `events` and `deliveries`, in snake case, with the fields of its request as
    keyword arguments; what is below is the comfortable way to the common ones.
    """

    def __init__(self, target: str, api_key: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(grpc, target, api_key, options)
        self.webhooks: WebhookCalls = calls(self._call, "WebhookService")
        self.events: EventCalls = calls(self._call, "EventService")
        self.deliveries: DeliveryCalls = calls(self._call, "DeliveryService")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every call and watch that is under way, and the connection."""
        self._channel.close()

    def publish(self, type: str, **fields: Unpack[EventFields]) -> PublishResult:
        """Publishes one event; takes the arguments of `tenterhook.event`. When this
        returns the event is on the server's disk."""
        request = PublishEventRequest(event=self._event({"type": type, **fields}))
        response: PublishEventResponse = self._call(PUBLISH, request, None)
        return response.result

    def publish_batch(self, events: Iterable[Event | EventInit]) -> list[PublishResult]:
        """Publishes up to 1,000 events, all or none, in order."""
        request = BatchPublishEventsRequest(events=map(self._event, events))
        return list(self._call(PUBLISH_BATCH, request, None).results)

    def publish_stream(self, events: Iterable[Event | EventInit]) -> Iterator[Ack]:
        """Publishes events as they come and yields what became of each, in order. When it
        fails, those without an acknowledgement may be published again under their ids."""
        method = METHODS["EventService"]["stream_publish_events"]
        requests = (
            StreamPublishEventsRequest(sequence=sequence, event=self._event(event))
            for sequence, event in enumerate(events)
        )
        stub = self._channel.stream_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        call = stub(requests, metadata=self._connection.metadata())
        try:
            for response in call:
                yield read_ack(response)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        finally:
            call.cancel()

    def create_webhook(
        self, webhook: Webhook | WebhookFields, signing_secret: str = ""
    ) -> tuple[Webhook, str]:
        """Makes a webhook; returns it and its signing secret, which is told only here."""
        made = self._webhook(webhook)
        response = self.webhooks.create_webhook(webhook=made, signing_secret=signing_secret)
        return response.webhook, response.signing_secret

    def list_webhooks(self, **fields: Unpack[ListWebhooksRequestFields]) -> Pages[Webhook]:
        """Every webhook that matches, oldest first."""
        return Pages(self.webhooks.list_webhooks, "webhooks", self._scoped(fields))

    def list_events(self, **fields: Unpack[ListEventsFlatFields]) -> Pages[Event]:
        """Every event that matches, newest first. Takes the fields of `EventFilter` too."""
        inside = filtered(self._scoped(fields), _EVENT_FILTERS)
        return Pages(self.events.list_events, "events", inside)

    def list_deliveries(self, **fields: Unpack[ListDeliveriesFlatFields]) -> Pages[Delivery]:
        """Every delivery that matches, newest first. Takes the fields of `DeliveryFilter`
        too. Its `resume_token` starts a watch that misses no later change."""
        return Pages(self.deliveries.list_deliveries, "deliveries", filtered(self._scoped(fields)))

    def get_delivery(self, delivery_id: str) -> Delivery:
        """One delivery with all its attempts."""
        return self.deliveries.get_delivery(delivery_id=delivery_id).delivery

    def watch(self, **fields: Unpack[WatchDeliveriesFlatFields]) -> Watch:
        """Every change of every delivery that matches, in order and without end.

        Takes the fields of `WatchDeliveriesRequest` and of `DeliveryFilter` but its times.
        Begin with `resume_token`, `start_time` or `position`; the default is now. Broken
        and silent connections are made again. Raises when the start is no longer kept.
        """
        return Watch(self, watch_state(fields.pop("namespace", self._connection.namespace), fields))

    def _call(self, method: Method, request: Any, timeout: float | None) -> Any:
        stub, connection = self._stub(method), self._connection
        deadline = time.monotonic() + (connection.timeout if timeout is None else timeout)
        failures = 0
        while True:
            remaining = deadline - time.monotonic()
            try:
                return stub(request, timeout=remaining, metadata=connection.metadata())
            except grpc.RpcError as rpc_error:
                error = from_rpc_error(rpc_error)
            remaining = deadline - time.monotonic()
            wait = method.retry_wait(connection.retry, error, failures, remaining)
            if wait is None:
                raise error
            failures += 1
            time.sleep(wait)


def calls(call: Callable[..., Any], service: str) -> Any:
    """The methods of a service, of whose types `tenterhook.v1.calls` tells."""
    return Calls(call, service)


class Calls:
    """The methods of one service: `name(request)` or `name(field=value, …)`, and `timeout`
    in seconds."""

    def __init__(self, call: Callable[..., Any], service: str) -> None:
        self._call = call
        self._methods = METHODS[service]

    def __dir__(self) -> list[str]:
        return [name for name, method in self._methods.items() if not method.streaming]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = self._methods.get(name)
        if method is None or method.streaming:
            raise AttributeError(name)

        def call(request: Any = None, *, timeout: float | None = None, **fields: Any) -> Any:
            return self._call(method, as_request(method.request, request, fields), timeout)

        call.__name__ = name
        setattr(self, name, call)
        return call


class Pages(Generic[T]):
    """The items of a list, page by page as they are asked for."""

    def __init__(self, call: Callable[..., Any], items: str, fields: Mapping[str, Any]) -> None:
        self._call = call
        self._items = items
        self._fields = dict(fields)
        self.resume_token = ""

    def __iter__(self) -> Iterator[T]:
        token = self._fields.get("page_token", "")
        while True:
            response = self._call(**{**self._fields, "page_token": token})
            self.resume_token = getattr(response, "resume_token", "") or self.resume_token
            yield from getattr(response, self._items)
            token = response.next_page_token
            if not token:
                return


class Watch(Iterator[WatchItem]):
    """An endless iterator over changes. `close` ends it, from any thread."""

    def __init__(self, client: Client, state: WatchState) -> None:
        self._closed = threading.Event()
        self._call: Any = None
        self._own_channel: Any = None
        self._channel = client._channel
        self._connection = client._connection
        self._state = state
        self._silenced = False
        self._waiting_since: float | None = None
        guard = threading.Thread(target=_cancel_silent_calls, args=(weakref.ref(self),), daemon=True)
        guard.start()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    @property
    def resume_token(self) -> str:
        """Resumes after the last change that was handed out, or after a later bookmark."""
        return self._state.request.resume_token

    def close(self) -> None:
        """Ends the watch; a `next` that waits in another thread stops."""
        self._closed.set()
        if self._call is not None:
            self._call.cancel()
        if self._own_channel is not None:
            self._own_channel.close()

    def __next__(self) -> WatchItem:
        while not self._closed.is_set():
            try:
                item = self._next_message()
            except TenterhookError as error:
                if self._closed.is_set():
                    break
                if ends_watch(error):
                    self.close()
                    raise
                self._pause()
                continue
            if item is not None:
                return item
        raise StopIteration

    def _next_message(self) -> WatchItem | None:
        if self._call is None:
            self._call = self._open()
        self._waiting_since = time.monotonic()
        try:
            return self._state.take(next(self._call))
        except StopIteration:
            raise TenterhookError(grpc.StatusCode.UNAVAILABLE, "the stream ended") from None
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        finally:
            self._waiting_since = None

    def _open(self) -> Any:
        if self._silenced:
            # The connection is dead and does not know it: only another one helps.
            self._silenced = False
            previous, self._own_channel = self._own_channel, self._connection.open(grpc)
            self._channel = self._own_channel
            if previous is not None:
                previous.close()
        method = METHODS["DeliveryService"]["watch_deliveries"]
        stub = self._channel.unary_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        return stub(self._state.request, metadata=self._connection.metadata())

    def _pause(self) -> None:
        self._call = None
        self._closed.wait(self._connection.retry.wait(self._state.failures))
        self._state.failures += 1


def _cancel_silent_calls(reference: weakref.ref[Watch]) -> None:
    """Cancels the call of a watch whose program has waited too long. It holds the watch only
    for a moment, so that one that is dropped can end."""
    while (watch := reference()) is not None and not watch._closed.is_set():
        call, since, silence = watch._call, watch._waiting_since, watch._state.silence
        left = silence / 4
        if since is not None:
            left = since + silence - time.monotonic()
        if left <= 0:
            left = silence / 4
            if call is not None:
                watch._silenced = True
                call.cancel()
        closed = watch._closed
        del watch, call
        closed.wait(min(left, silence / 4))
