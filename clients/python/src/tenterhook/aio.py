"""The client for asyncio. It has the methods of `tenterhook.Client`, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic

import grpc
import grpc.aio

from .client import _EVENT_FILTERS, Base, T, calls
from .errors import TenterhookError, from_rpc_error
from .policy import METHODS, PUBLISH, PUBLISH_BATCH, Method, ends_watch
from .results import Ack, WatchItem, WatchState, filtered, read_ack, watch_state
from .v1.delivery_pb2 import Delivery
from .v1.event_pb2 import Event
from .v1.event_service_pb2 import (
    BatchPublishEventsRequest,
    PublishEventRequest,
    PublishEventResponse,
    PublishResult,
    StreamPublishEventsRequest,
)
from .v1.webhook_pb2 import Webhook

# How long a stream of events waits for the headers of the answer before it begins all the same.
_HEADERS_SECONDS = 1.0

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .connection import Options
    from .v1.calls import (
        AsyncDeliveryCalls,
        AsyncEventCalls,
        AsyncWebhookCalls,
        EventFields,
        EventInit,
        ListDeliveriesFlatFields,
        ListEventsFlatFields,
        ListWebhooksRequestFields,
        WatchDeliveriesFlatFields,
        WebhookFields,
    )


class AsyncClient(Base):
    """A client of one Tenterhook server, for one event loop. See `tenterhook.Client`."""

    def __init__(self, target: str, api_key: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(grpc.aio, target, api_key, options)
        self.webhooks: AsyncWebhookCalls = calls(self._call, "WebhookService")
        self.events: AsyncEventCalls = calls(self._call, "EventService")
        self.deliveries: AsyncDeliveryCalls = calls(self._call, "DeliveryService")

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends every call and watch that is under way, and the connection."""
        await self._channel.close()

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
        self, events: AsyncIterable[Event | EventInit]
    ) -> AsyncIterator[Ack]:
        """Publishes events as they come and yields what became of each, in order; see
        `Client.publish_stream`."""
        method = METHODS["EventService"]["stream_publish_events"]

        async def requests() -> AsyncIterator[StreamPublishEventsRequest]:
            # A write that meets a refusal hides its status, so the server's headers come first.
            headers = asyncio.ensure_future(call.initial_metadata())
            await asyncio.wait({headers}, timeout=_HEADERS_SECONDS)
            headers.cancel()
            sequence = 0
            async for event in events:
                yield StreamPublishEventsRequest(sequence=sequence, event=self._event(event))
                sequence += 1

        stub = self._channel.stream_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        call = stub(requests(), metadata=self._connection.metadata())
        try:
            async for response in call:
                yield read_ack(response)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        finally:
            call.cancel()

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

    def watch(self, **fields: Unpack[WatchDeliveriesFlatFields]) -> AsyncWatch:
        """Every change of every delivery that matches; see `Client.watch`."""
        namespace = fields.pop("namespace", self._connection.namespace)
        return AsyncWatch(self, watch_state(namespace, fields))

    async def _call(self, method: Method, request: Any, timeout: float | None) -> Any:
        stub, connection = self._stub(method), self._connection
        clock = asyncio.get_running_loop().time
        deadline = clock() + (connection.timeout if timeout is None else timeout)
        failures = 0
        while True:
            try:
                return await stub(
                    request, timeout=deadline - clock(), metadata=connection.metadata()
                )
            except grpc.RpcError as rpc_error:
                error = from_rpc_error(rpc_error)
            wait = method.retry_wait(connection.retry, error, failures, deadline - clock())
            if wait is None:
                raise error
            failures += 1
            await asyncio.sleep(wait)


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
    """An endless iterator over changes; cancelling the task that waits ends it."""

    def __init__(self, client: AsyncClient, state: WatchState) -> None:
        self._channel = client._channel
        self._own_channel: Any = None
        self._connection = client._connection
        self._state = state
        self._call: Any = None
        self._silenced = False
        self._closed = False

    async def __aenter__(self) -> AsyncWatch:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def resume_token(self) -> str:
        """Resumes after the last change that was handed out, or after a later bookmark."""
        return self._state.request.resume_token

    def close(self) -> None:
        """Ends the watch."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()

    async def _open(self) -> Any:
        if self._silenced:
            # The connection is dead and does not know it: only another one helps.
            self._silenced = False
            previous, self._own_channel = self._own_channel, self._connection.open(grpc.aio)
            self._channel = self._own_channel
            if previous is not None:
                await previous.close()
        method = METHODS["DeliveryService"]["watch_deliveries"]
        stub = self._channel.unary_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        return stub(self._state.request, metadata=self._connection.metadata())

    async def __anext__(self) -> WatchItem:
        while not self._closed:
            try:
                item = await self._next_message()
            except TenterhookError as error:
                if self._closed:
                    break
                if ends_watch(error):
                    self.close()
                    raise
                await self._pause()
                continue
            if item is not None:
                return item
        raise StopAsyncIteration

    async def _next_message(self) -> WatchItem | None:
        if self._call is None:
            self._call = await self._open()
        try:
            message = await asyncio.wait_for(self._call.read(), self._state.silence)
        except asyncio.TimeoutError:
            self._silenced = True
            raise TenterhookError(grpc.StatusCode.UNAVAILABLE, "the stream is silent") from None
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        except asyncio.CancelledError:
            if self._closed:
                raise TenterhookError(grpc.StatusCode.CANCELLED, "closed") from None
            raise
        if message is grpc.aio.EOF:
            raise TenterhookError(grpc.StatusCode.UNAVAILABLE, "the stream ended")
        return self._state.take(message)

    async def _pause(self) -> None:
        self._call.cancel()
        self._call = None
        await asyncio.sleep(self._connection.retry.wait(self._state.failures))
        self._state.failures += 1
