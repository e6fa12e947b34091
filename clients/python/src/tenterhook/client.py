"""The blocking client."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc

from .checkpoint import Checkpoint
from .connection import ApiKey, Connection
from .environment import read_environment
from .errors import Closed, TenterhookError, from_rpc_error
from .messages import as_event, as_request, build
from .policy import (
    GET_SERVER_INFO,
    METHODS,
    PING_TIMEOUT,
    PUBLISH,
    PUBLISH_BATCH,
    PUBLISH_STREAM,
    WATCH,
    Method,
    RetryPolicy,
)
from .publisher import Publisher
from .results import Ack, OnConnectivity, WatchItem, WatchState, filtered, logger, read_ack, watch_state
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
from .v1.server_service_pb2 import GetServerInfoRequest
from .v1.webhook_pb2 import Webhook

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .connection import Options
    from .publisher import PublisherOptions
    from .v1.calls import (
        AccessCalls,
        DeliveryCalls,
        EventCalls,
        EventFields,
        EventInit,
        ListDeliveriesFlatFields,
        ListEventsFlatFields,
        ListWebhooksRequestFields,
        ServerCalls,
        WatchDeliveriesFlatFields,
        WebhookCalls,
        WebhookFields,
    )

T = TypeVar("T")
_EVENT_FILTERS = frozenset(EventFilter.DESCRIPTOR.fields_by_name)


class Session:
    """A channel and the stubs that were made on it."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self._unary: dict[str, Callable[..., Any]] = {}

    def unary(self, method: Method) -> Callable[..., Any]:
        stub = self._unary.get(method.path)
        if stub is None:
            stub = self._unary[method.path] = self.channel.unary_unary(*_codec(method))
        return stub

    def publish_stream(self) -> Callable[..., Any]:
        stub: Callable[..., Any] = self.channel.stream_stream(*_codec(PUBLISH_STREAM))
        return stub

    def watch(self) -> Callable[..., Any]:
        stub: Callable[..., Any] = self.channel.unary_stream(*_codec(WATCH))
        return stub


def _codec(method: Method) -> tuple[str, Any, Any]:
    return method.path, method.request.SerializeToString, method.response.FromString


class Base:
    """What both clients are made of."""

    def __init__(self, target: str, api_key: ApiKey | None, options: Options) -> None:
        self._connection = Connection(target, api_key, **options)

    def _scoped(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"namespace": self._connection.namespace, **fields}

    def _event(self, event: Event | Mapping[str, Any]) -> Event:
        return as_event(event if isinstance(event, Event) else self._scoped(event))

    def _webhook(self, webhook: Webhook | Mapping[str, Any]) -> Webhook:
        return webhook if isinstance(webhook, Webhook) else build(Webhook, self._scoped(webhook))


def log_retry(method: Method, error: TenterhookError, failures: int, wait: float) -> None:
    """Says that a call failed and is tried again."""
    logger.debug("%s failed %d times, tries again in %.2f s: %s", method.path, failures, wait, error)


class Client(Base):
    """A client of one Tenterhook server; safe to share between threads.

    Takes the arguments of `tenterhook.connection.Connection`. Every method of the API is at
    `webhooks`, `events`, `deliveries`, `server` and `access`, in snake case, with the fields of
    its request as keyword arguments; what is below is the comfortable way to the common ones.
    """

    def __init__(self, target: str, api_key: ApiKey | None = None, **options: Unpack[Options]) -> None:
        super().__init__(target, api_key, options)
        self._session = Session(self._connection.open(grpc))
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self.webhooks: WebhookCalls = calls(self._call, "WebhookService")
        self.events: EventCalls = calls(self._call, "EventService")
        self.deliveries: DeliveryCalls = calls(self._call, "DeliveryService")
        self.server: ServerCalls = calls(self._call, "ServerService")
        self.access: AccessCalls = calls(self._call, "AccessService")

    @classmethod
    def from_env(cls, **options: Unpack[Options]) -> Client:
        """A client with the settings of the environment; `options` win over them.

        Reads TENTERHOOK_ADDRESS, TENTERHOOK_API_KEY or TENTERHOOK_API_KEY_FILE, TENTERHOOK_NAMESPACE,
        and the files of TENTERHOOK_CA, TENTERHOOK_CLIENT_CERT and TENTERHOOK_CLIENT_KEY. Raises
        ValueError that names every variable at fault.
        """
        target, settings = read_environment(os.environ)
        return cls(target, **{**settings, **options})

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and everything on it: calls and watches raise `Closed`, those in
        flight and later ones. May be called from any thread, and again."""
        self._closing.set()
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            watch._end(by_client=True)
        self._session.channel.close()

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise Closed

    def ping(self, timeout: float = PING_TIMEOUT) -> None:
        """Returns when the server can be reached and knows the key; raises what is in the way, without
        a second try. For the start of a program, and for its health check."""
        try:
            self._call(GET_SERVER_INFO, GetServerInfoRequest(), timeout, RetryPolicy(enabled=False))
        except TenterhookError as error:
            # A key that may only publish is known all the same.
            if error.code is not grpc.StatusCode.PERMISSION_DENIED:
                raise

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
        """Publishes events as they come and yields what became of each, in order.

        When it fails, those without an acknowledgement may be published again under their
        ids. An exception of `events` itself is raised after the acknowledgements of what came
        before it.
        """
        failures: list[Exception] = []

        def requests() -> Iterator[StreamPublishEventsRequest]:
            # gRPC would keep the exception and raise one of its own.
            try:
                for sequence, event in enumerate(events):
                    yield StreamPublishEventsRequest(sequence=sequence, event=self._event(event))
            except Exception as error:
                failures.append(error)

        self._check_open()
        call = self._session.publish_stream()(requests(), metadata=self._connection.metadata())
        try:
            for response in call:
                yield read_ack(response)
        except grpc.RpcError as error:
            self._check_open()
            raise from_rpc_error(error) from None
        finally:
            call.cancel()
        if failures:
            raise failures[0]

    def publisher(self, **options: Unpack[PublisherOptions]) -> Publisher:
        """A publisher that gathers events into batches by itself, which is many times faster; `options` are
        those of `tenterhook.publisher.PublisherSettings`. Close it, or use it as a context manager."""
        return Publisher(self, **options)

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

    def watch(
        self,
        *,
        checkpoint: Checkpoint | None = None,
        on_connectivity: OnConnectivity | None = None,
        **fields: Unpack[WatchDeliveriesFlatFields],
    ) -> Watch:
        """Every change of every delivery that matches, in order and without end.

        Takes the fields of `WatchDeliveriesRequest` and of `DeliveryFilter` but its times.
        Begin with `resume_token`, `start_time` or `position`; the default is now. A `checkpoint`, such as
        `FileCheckpoint(path)`, keeps how far the program came, and once it has a token begins there. Broken
        and silent connections are made again, and `on_connectivity` is called with a
        `Connectivity` each time. Raises when the start is no longer kept, and when a first
        connection can never be made: see `TenterhookError.permanent`.
        """
        self._check_open()
        namespace = fields.pop("namespace", self._connection.namespace)
        state = watch_state(namespace, fields, on_connectivity, checkpoint)
        watch = Watch(self, state)
        with self._lock:
            self._watches.add(watch)
        return watch

    def _call(
        self, method: Method, request: Any, timeout: float | None, retry: RetryPolicy | None = None
    ) -> Any:
        stub, connection = self._session.unary(method), self._connection
        deadline = time.monotonic() + (method.timeout(connection.timeout) if timeout is None else timeout)
        failures = 0
        while True:
            self._check_open()
            remaining = deadline - time.monotonic()
            try:
                # A channel makes its connection again only while a call waits for it: nothing else polls.
                return stub(request, timeout=remaining, metadata=connection.metadata(), wait_for_ready=failures > 0)
            except grpc.RpcError as rpc_error:
                error = from_rpc_error(rpc_error)
            except ValueError:  # what gRPC raises when the channel was closed meanwhile
                self._check_open()
                raise
            self._check_open()
            remaining = deadline - time.monotonic()
            wait = method.retry_wait(retry or connection.retry, error, failures, remaining)
            if wait is None:
                raise error
            failures += 1
            log_retry(method, error, failures, wait)
            self._closing.wait(wait)


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
        self._client = client
        self._state = state
        self._session = client._session
        self._own: Session | None = None
        self._closed = threading.Event()
        self._closed_by_client = False
        self._call: Any = None
        self._reading: Future[Any] | None = None
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
        self._end(by_client=False)

    def _end(self, *, by_client: bool) -> None:
        if not self._closed.is_set():
            self._closed_by_client = by_client
        self._closed.set()
        self._drop()
        if self._own is not None:
            self._own.channel.close()

    def _drop(self) -> None:
        call, self._call, self._reading = self._call, None, None
        if call is not None:
            call.cancel()

    def __next__(self) -> WatchItem:
        item = self._take(None)
        if item is None:
            raise StopIteration
        return item

    def poll(self, timeout: float) -> WatchItem | None:
        """The next change, or None if none came within `timeout` seconds, or the watch was
        closed. To stop waiting does not end the watch."""
        return self._take(time.monotonic() + timeout)

    def _take(self, deadline: float | None) -> WatchItem | None:
        while not self._closed.is_set():
            self._state.save()
            try:
                item = self._next_message(deadline)
            except FutureTimeout:
                return None
            except TenterhookError as error:
                if self._closed.is_set():
                    break
                if self._state.is_over(error):
                    self.close()
                    raise
                self._drop()
                self._state.failed(self._client._connection.retry, time.monotonic(), error)
                continue
            if item is not None:
                return item
        if self._closed_by_client:
            self._closed_by_client = False  # is raised once; then the iterator is at its end
            raise Closed
        return None

    def _next_message(self, deadline: float | None) -> WatchItem | None:
        if self._call is None:
            self._pause(deadline)
            self._call = self._open()
        call = self._call
        try:
            if self._reading is None and deadline is None:
                return self._state.take(self._receive(call))
            self._reading = self._reading or _in_thread(self._receive, call)
            message = self._reading.result(deadline and max(0.0, deadline - time.monotonic()))
            self._reading = None
            return self._state.take(message)
        except StopIteration:
            raise TenterhookError(grpc.StatusCode.UNAVAILABLE, "the stream ended") from None
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        except FutureTimeout:
            raise
        except BaseException:
            # Ctrl-C, say. gRPC cannot go on reading this call, but another one from the token.
            self._drop()
            raise

    def _receive(self, call: Any) -> Any:
        self._waiting_since = time.monotonic()
        try:
            return next(call)
        finally:
            self._waiting_since = None

    def _open(self) -> Any:
        if self._silenced:
            # The connection is dead and does not know it: only another one helps.
            self._silenced = False
            previous, self._own = self._own, Session(self._client._connection.open(grpc))
            self._session = self._own
            if previous is not None:
                previous.channel.close()
        try:
            metadata = self._client._connection.metadata()
            again = self._state.failures > 0
            return self._session.watch()(self._state.request, metadata=metadata, wait_for_ready=again)
        except ValueError:  # what gRPC raises when the channel was closed meanwhile
            self._client._check_open()
            raise

    def _pause(self, deadline: float | None) -> None:
        """Waits until it may connect; gives up at the deadline."""
        now = time.monotonic()
        until = self._state.not_before
        if deadline is not None and deadline < until:
            self._closed.wait(max(0.0, deadline - now))
            raise FutureTimeout
        if until > now:
            self._closed.wait(until - now)
        if self._closed.is_set():
            raise Closed


def _in_thread(function: Callable[[Any], T], argument: Any) -> Future[T]:
    """Calls it in a thread that does not keep the program alive."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function(argument))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


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
