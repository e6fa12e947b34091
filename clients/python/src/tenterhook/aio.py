"""The client for asyncio. It has the methods of `tenterhook.Client`, to be awaited."""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic

import grpc
import grpc.aio

from .checkpoint import Checkpoint
from .client import _EVENT_FILTERS, Base, Session, T, calls, log_retry
from .connection import ApiKey
from .environment import read_environment
from .errors import Closed, TenterhookError, from_rpc_error
from .policy import GET_SERVER_INFO, PING_TIMEOUT, PUBLISH, PUBLISH_BATCH, Method, RetryPolicy
from .publisher import AsyncPublisher
from .results import Ack, OnConnectivity, WatchItem, WatchState, filtered, read_ack, watch_state
from .v1.delivery_pb2 import Delivery
from .v1.event_pb2 import Event
from .v1.event_service_pb2 import (
    BatchPublishEventsRequest,
    PublishEventRequest,
    PublishEventResponse,
    PublishResult,
    StreamPublishEventsRequest,
)
from .v1.server_service_pb2 import GetServerInfoRequest
from .v1.webhook_pb2 import Webhook

# How long a stream of events waits for the headers of the answer before it begins all the same.
_HEADERS_SECONDS = 1.0

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .connection import Options
    from .publisher import PublisherOptions
    from .v1.calls import (
        AsyncAccessCalls,
        AsyncDeliveryCalls,
        AsyncEventCalls,
        AsyncServerCalls,
        AsyncWebhookCalls,
        EventFields,
        EventInit,
        ListDeliveriesFlatFields,
        ListEventsFlatFields,
        ListWebhooksRequestFields,
        WatchDeliveriesFlatFields,
        WebhookFields,
    )


class AsyncSession(Session):
    """A channel of one event loop."""

    def __init__(self, channel: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(channel)
        self.loop = loop
        self.closing = asyncio.Event()


class AsyncClient(Base):
    """A client of one Tenterhook server. See `tenterhook.Client`.

    It may be made anywhere, also before there is an event loop: it connects at its first call,
    in the loop of that call.
    """

    def __init__(self, target: str, api_key: ApiKey | None = None, **options: Unpack[Options]) -> None:
        super().__init__(target, api_key, options)
        self._session: AsyncSession | None = None
        self._closed = False
        self._watches: weakref.WeakSet[AsyncWatch] = weakref.WeakSet()
        self._ending: set[asyncio.Task[None]] = set()
        self.webhooks: AsyncWebhookCalls = calls(self._call, "WebhookService")
        self.events: AsyncEventCalls = calls(self._call, "EventService")
        self.deliveries: AsyncDeliveryCalls = calls(self._call, "DeliveryService")
        self.server: AsyncServerCalls = calls(self._call, "ServerService")
        self.access: AsyncAccessCalls = calls(self._call, "AccessService")

    @classmethod
    def from_env(cls, **options: Unpack[Options]) -> AsyncClient:
        """A client with the settings of the environment; see `Client.from_env`."""
        target, settings = read_environment(os.environ)
        return cls(target, **{**settings, **options})

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and everything on it: calls and watches raise `Closed`, those in
        flight and later ones."""
        self._closed = True
        for watch in list(self._watches):
            watch._end(by_client=True)
        session, self._session = self._session, None
        if session is not None:
            session.closing.set()
            await session.channel.close()
        if self._ending:
            await asyncio.wait(self._ending)

    def _open(self) -> AsyncSession:
        """The session of the running loop. One of another loop, which has ended or will never
        see this call, is left to it."""
        self._check_open()
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.loop is not loop:
            self._session = AsyncSession(self._connection.open(grpc.aio), loop)
        return self._session

    def _check_open(self) -> None:
        if self._closed:
            raise Closed

    def _check_cancelled(self) -> None:
        """Raises `Closed` where the client, and not the task, ended what was waited for."""
        task: Any = asyncio.current_task()
        cancelling = getattr(task, "cancelling", lambda: 0)  # since Python 3.11
        if not cancelling():
            self._check_open()

    def _discard(self, session: Session) -> None:
        """Closes the connection that a watch had of its own."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # the connection ends with its loop
        ending = loop.create_task(session.channel.close())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def ping(self, timeout: float = PING_TIMEOUT) -> None:
        """Returns when the server can be reached and knows the key; see `Client.ping`."""
        try:
            await self._call(GET_SERVER_INFO, GetServerInfoRequest(), timeout, RetryPolicy(enabled=False))
        except TenterhookError as error:
            if error.code is not grpc.StatusCode.PERMISSION_DENIED:
                raise

    async def publish(self, type: str, **fields: Unpack[EventFields]) -> PublishResult:
        """Publishes one event; see `Client.publish`."""
        request = PublishEventRequest(event=self._event({"type": type, **fields}))
        response: PublishEventResponse = await self._call(PUBLISH, request, None)
        return response.result

    async def publish_batch(
        self, events: Iterable[Event | EventInit]
    ) -> list[PublishResult]:
        """Publishes up to 1,000 events, all or none, in order."""
        request = BatchPublishEventsRequest(events=map(self._event, events))
        return list((await self._call(PUBLISH_BATCH, request, None)).results)

    async def publish_stream(
        self, events: AsyncIterable[Event | EventInit] | Iterable[Event | EventInit]
    ) -> AsyncIterator[Ack]:
        """Publishes events as they come and yields what became of each, in order; see
        `Client.publish_stream`."""
        failures: list[Exception] = []

        async def requests() -> AsyncIterator[StreamPublishEventsRequest]:
            # A write that meets a refusal hides its status, so the server's headers come first.
            headers = asyncio.ensure_future(call.initial_metadata())
            await asyncio.wait({headers}, timeout=_HEADERS_SECONDS)
            headers.cancel()
            sequence = 0
            # gRPC would cancel the call, and with it the caller's task.
            try:
                # A call that ends early leaves it, and the loop may end before it would be closed by itself.
                async with contextlib.aclosing(_each(events)) as each:
                    async for event in each:
                        yield StreamPublishEventsRequest(sequence=sequence, event=self._event(event))
                        sequence += 1
            except Exception as error:
                failures.append(error)

        stub = self._open().publish_stream()
        call = stub(requests(), metadata=grpc.aio.Metadata(*self._connection.metadata()))
        try:
            async for response in call:
                yield read_ack(response)
        except grpc.RpcError as error:
            self._check_open()
            raise from_rpc_error(error) from None
        except asyncio.CancelledError:
            self._check_cancelled()
            raise
        finally:
            call.cancel()
        if failures:
            raise failures[0]

    def publisher(self, **options: Unpack[PublisherOptions]) -> AsyncPublisher:
        """A publisher that gathers events into batches by itself; see `Client.publisher`."""
        return AsyncPublisher(self, **options)

    async def create_webhook(
        self, webhook: Webhook | WebhookFields, signing_secret: str = ""
    ) -> tuple[Webhook, str]:
        """Makes a webhook; returns it and its signing secret, which is told only here."""
        made = self._webhook(webhook)
        response = await self.webhooks.create_webhook(webhook=made, signing_secret=signing_secret)
        return response.webhook, response.signing_secret

    def list_webhooks(self, **fields: Unpack[ListWebhooksRequestFields]) -> AsyncPages[Webhook]:
        """Every webhook that matches, oldest first."""
        return AsyncPages(self.webhooks.list_webhooks, "webhooks", self._scoped(fields))

    def list_events(self, **fields: Unpack[ListEventsFlatFields]) -> AsyncPages[Event]:
        """Every event that matches, newest first. Takes the fields of `EventFilter` too."""
        inside = filtered(self._scoped(fields), _EVENT_FILTERS)
        return AsyncPages(self.events.list_events, "events", inside)

    def list_deliveries(self, **fields: Unpack[ListDeliveriesFlatFields]) -> AsyncPages[Delivery]:
        """Every delivery that matches, newest first; see `Client.list_deliveries`."""
        inside = filtered(self._scoped(fields))
        return AsyncPages(self.deliveries.list_deliveries, "deliveries", inside)

    async def get_delivery(self, delivery_id: str) -> Delivery:
        """One delivery with all its attempts."""
        return (await self.deliveries.get_delivery(delivery_id=delivery_id)).delivery

    def watch(
        self,
        *,
        checkpoint: Checkpoint | None = None,
        on_connectivity: OnConnectivity | None = None,
        **fields: Unpack[WatchDeliveriesFlatFields],
    ) -> AsyncWatch:
        """Every change of every delivery that matches; see `Client.watch`."""
        self._check_open()
        namespace = fields.pop("namespace", self._connection.namespace)
        watch = AsyncWatch(self, watch_state(namespace, fields, on_connectivity, checkpoint))
        self._watches.add(watch)
        return watch

    async def _call(
        self, method: Method, request: Any, timeout: float | None, retry: RetryPolicy | None = None
    ) -> Any:
        session, connection = self._open(), self._connection
        stub = session.unary(method)
        clock = session.loop.time
        deadline = clock() + (method.timeout(connection.timeout) if timeout is None else timeout)
        failures = 0
        while True:
            self._check_open()
            try:
                # The oldest grpcio hands interceptors what it is given, and they add to it.
                metadata = grpc.aio.Metadata(*connection.metadata())
                return await stub(request, timeout=deadline - clock(), metadata=metadata)
            except grpc.RpcError as rpc_error:
                error = from_rpc_error(rpc_error)
            except asyncio.CancelledError:
                self._check_cancelled()
                raise
            self._check_open()
            wait = method.retry_wait(retry or connection.retry, error, failures, deadline - clock())
            if wait is None:
                raise error
            failures += 1
            log_retry(method, error, failures, wait)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(session.closing.wait(), wait)


async def _each(events: AsyncIterable[T] | Iterable[T]) -> AsyncGenerator[T, None]:
    if isinstance(events, AsyncIterable):
        async for event in events:
            yield event
    else:
        for event in events:
            yield event


class AsyncPages(Generic[T]):
    """The items of a list, page by page as they are asked for."""

    def __init__(self, call: Callable[..., Any], items: str, fields: Mapping[str, Any]) -> None:
        self._call = call
        self._items = items
        self._fields = dict(fields)
        self.resume_token = ""

    async def __aiter__(self) -> AsyncIterator[T]:
        token = self._fields.get("page_token", "")
        while True:
            response = await self._call(**{**self._fields, "page_token": token})
            self.resume_token = getattr(response, "resume_token", "") or self.resume_token
            for item in getattr(response, self._items):
                yield item
            token = response.next_page_token
            if not token:
                return


class AsyncWatch(AsyncIterator[WatchItem]):
    """An endless iterator over changes. Cancelling the task that waits, as `asyncio.timeout`
    does, ends that wait and not the watch; `close` ends the watch."""

    def __init__(self, client: AsyncClient, state: WatchState) -> None:
        self._client = client
        self._state = state
        self._own: AsyncSession | None = None
        self._call: Any = None
        # Reads on when a wait for it is cancelled: gRPC would cancel the call.
        self._reading: asyncio.Task[Any] | None = None
        self._reading_since = 0.0
        # Goes on when the wait for it is cancelled: nothing stops a thread.
        self._saving: asyncio.Task[None] | None = None
        self._silenced = False
        self._ended = asyncio.Event()
        self._closed_by_client = False

    async def __aenter__(self) -> AsyncWatch:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._drop()

    @property
    def resume_token(self) -> str:
        """Resumes after the last change that was handed out, or after a later bookmark."""
        return self._state.request.resume_token

    def close(self) -> None:
        """Ends the watch."""
        self._end(by_client=False)

    def _end(self, *, by_client: bool) -> None:
        if self._ended.is_set():
            return
        self._closed_by_client = by_client
        self._ended.set()
        self._drop()
        if self._own is not None:
            self._client._discard(self._own)

    def _drop(self) -> None:
        call, self._call = self._call, None
        reading, self._reading = self._reading, None
        if call is not None:
            call.cancel()
        if reading is not None:
            reading.cancel()

    async def __anext__(self) -> WatchItem:
        while not self._ended.is_set():
            await self._save()
            try:
                item = await self._next_message()
            except TenterhookError as error:
                if self._ended.is_set():
                    break
                if self._state.is_over(error):
                    self.close()
                    raise
                self._drop()
                now = asyncio.get_running_loop().time()
                self._state.failed(self._client._connection.retry, now, error)
                continue
            if item is not None:
                return item
        if self._closed_by_client:
            self._closed_by_client = False  # is raised once; then the iterator is at its end
            raise Closed
        raise StopAsyncIteration

    async def _save(self) -> None:
        if self._saving is None:
            if not self._state.is_unsaved:
                return
            self._saving = asyncio.create_task(asyncio.to_thread(self._state.save))
        saving = self._saving
        await asyncio.wait({saving})
        self._saving = None
        saving.result()

    async def _next_message(self) -> WatchItem | None:
        loop = asyncio.get_running_loop()
        if self._call is None:
            await self._pause(loop)
            self._call = self._open(loop)
        if self._reading is None:
            self._reading = loop.create_task(self._call.read())
            self._reading_since = loop.time()
        reading = self._reading
        left = self._reading_since + self._state.silence - loop.time()
        await asyncio.wait({reading}, timeout=max(0.0, left))
        if not reading.done():
            self._silenced = True
            raise TenterhookError(grpc.StatusCode.UNAVAILABLE, "the stream is silent")
        self._reading = None
        try:
            message = reading.result()
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        except asyncio.CancelledError:
            # The call was cancelled, and not this task.
            raise TenterhookError(grpc.StatusCode.CANCELLED, "the call was cancelled") from None
        if message is grpc.aio.EOF:
            raise TenterhookError(grpc.StatusCode.UNAVAILABLE, "the stream ended")
        return self._state.take(message)

    def _open(self, loop: asyncio.AbstractEventLoop) -> Any:
        if self._silenced:
            # The connection is dead and does not know it: only another one helps.
            self._silenced = False
            previous = self._own
            self._own = AsyncSession(self._client._connection.open(grpc.aio), loop)
            if previous is not None:
                self._client._discard(previous)
        session = self._own or self._client._open()
        metadata = grpc.aio.Metadata(*self._client._connection.metadata())
        return session.watch()(self._state.request, metadata=metadata)

    async def _pause(self, loop: asyncio.AbstractEventLoop) -> None:
        """Waits until it may connect."""
        left = self._state.not_before - loop.time()
        if left > 0:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), left)
        if self._ended.is_set():
            raise Closed
