"""Publishers that gather events into batches by themselves."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import grpc

from .errors import Closed, TenterhookError
from .policy import PUBLISH_BATCH
from .v1.event_pb2 import Event
from .v1.event_service_pb2 import BatchPublishEventsRequest, PublishResult

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .aio import AsyncClient
    from .client import Client
    from .v1.calls import EventFields

_CODE = grpc.StatusCode
_INDEX = re.compile(r"events\[(\d+)]")
# What a later try may mend: the server is away, overloaded, or the answer was lost.
_TRANSIENT = {_CODE.UNAVAILABLE, _CODE.DEADLINE_EXCEEDED, _CODE.RESOURCE_EXHAUSTED, _CODE.UNKNOWN, _CODE.INTERNAL}


class PublisherOptions(TypedDict, total=False):
    """See `PublisherSettings`."""

    linger: float
    max_events: int
    max_bytes: int
    in_flight: int
    outstanding: int
    when_full: Literal["block", "error"]
    timeout: float


@dataclass(frozen=True)
class PublisherSettings:
    """How a publisher gathers events.

    A batch is sent when it has `max_events` or `max_bytes`, or its first event has waited for `linger` seconds;
    up to `in_flight` batches at once. At most `outstanding` events wait for their results: one more waits for room,
    or is refused with `PublisherFull` (`when_full="error"`). A batch is tried again for `timeout` seconds.
    """

    linger: float = 0.005
    max_events: int = 500
    max_bytes: int = 1024 * 1024
    in_flight: int = 4
    outstanding: int = 10_000
    when_full: Literal["block", "error"] = "block"
    timeout: float = 60.0


class PublisherFull(Exception):
    """There are as many events outstanding as the publisher allows."""


@dataclass(eq=False)
class _Pending:
    event: Event
    size: int
    since: float
    done: Callable[[PublishResult | None, Exception | None], None]


class _Queue:
    """Events that wait for a batch. Those of one ordering key are never in two batches at once."""

    def __init__(self, settings: PublisherSettings) -> None:
        self._settings = settings
        self._waiting: collections.deque[_Pending] = collections.deque()
        self._bytes = 0
        self._busy: set[str] = set()
        self.hurry = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, pending: _Pending) -> bool:
        """Whether a batch is full now."""
        self._waiting.append(pending)
        self._bytes += pending.size
        return len(self._waiting) >= self._settings.max_events or self._bytes >= self._settings.max_bytes

    def take(self, now: float) -> list[_Pending] | float | None:
        """A batch, the seconds until there is one, or None when nothing can be sent."""
        settings, size = self._settings, 0
        batch: list[_Pending] = []
        skipped: list[_Pending] = []
        while self._waiting and len(batch) < settings.max_events:
            one = self._waiting.popleft()
            if one.event.ordering_key in self._busy:
                skipped.append(one)
            elif batch and size + one.size > settings.max_bytes:
                self._waiting.appendleft(one)
                break
            else:
                batch.append(one)
                size += one.size
        full = len(batch) >= settings.max_events or size >= settings.max_bytes or bool(self._waiting)
        # Their keys are none of the batch's: only within a key does the order matter.
        self._waiting.extendleft(reversed(skipped))
        if not batch:
            return None
        left = batch[0].since + settings.linger - now
        if not full and not self.hurry and left > 0:
            self._waiting.extendleft(reversed(batch))
            return left
        self._busy.update(one.event.ordering_key for one in batch if one.event.ordering_key)
        self._bytes -= size
        return batch

    def finish(self, batch: list[_Pending]) -> None:
        self._busy.difference_update(one.event.ordering_key for one in batch)


def _settle(batch: list[_Pending], error: TenterhookError) -> list[_Pending]:
    """Fails the events that `error` names; those that remain may be sent again. It fails all when it names none."""
    wrong = {int(index) for violation in error.field_violations for index in _INDEX.findall(violation.field)[:1]}
    conflict = error.metadata.get("event_id")
    wrong |= {index for index, one in enumerate(batch) if conflict and one.event.id == conflict}
    rest = []
    for index, one in enumerate(batch):
        if index in wrong or not wrong:
            one.done(None, error)
        else:
            rest.append(one)
    return rest


class _Base:
    def __init__(self, client: Any, settings: PublisherSettings) -> None:
        self._client = client
        self._settings = settings
        self._queue = _Queue(settings)
        self._outstanding = 0
        self._closed = False

    def _pending(self, type: str, fields: Any, now: float, done: Any) -> _Pending:
        event = self._client._event({"type": type, **fields})
        return _Pending(event, event.ByteSize(), now, done)

    def _next_try(self, error: TenterhookError, failures: int, until: float, now: float) -> float | None:
        """The wait before a batch is sent again; None when it is not."""
        if isinstance(error, Closed) or error.code not in _TRANSIENT:
            return None
        wait = max(self._client._connection.retry.wait(failures), error.retry_after or 0.0)
        return wait if now + wait < until else None


class Publication(Future[PublishResult]):
    """The result to come of one event. `event_id` is known at once: under it the event can be published again."""

    def __init__(self, event_id: str) -> None:
        super().__init__()
        self.event_id = event_id


class Publisher(_Base):
    """Gathers events into batches; safe to share between threads. Made by `Client.publisher`."""

    def __init__(self, client: Client, **options: Unpack[PublisherOptions]) -> None:
        super().__init__(client, PublisherSettings(**options))
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        self._room = threading.Condition(lock)
        # Daemons: a program that forgets to close loses what it did not wait for, but ends.
        for _ in range(self._settings.in_flight):
            threading.Thread(target=self._run, name="tenterhook-publisher", daemon=True).start()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, type: str, **fields: Unpack[EventFields]) -> Publication:
        """Takes an event, as `Client.publish`, and gives its future result at once."""
        pending = self._pending(type, fields, time.monotonic(), None)
        publication = Publication(pending.event.id)
        publication.set_running_or_notify_cancel()  # an event that is taken cannot be cancelled

        def done(result: PublishResult | None, error: Exception | None) -> None:
            publication.set_exception(error) if result is None else publication.set_result(result)

        pending.done = done
        with self._work:
            while self._outstanding >= self._settings.outstanding and not self._closed:
                if self._settings.when_full == "error":
                    raise PublisherFull(f"{self._outstanding} events are outstanding")
                self._room.wait()
            if self._closed:
                raise Closed
            self._client._check_open()
            self._outstanding += 1
            if self._queue.add(pending) or len(self._queue) == 1:
                self._work.notify()
        return publication

    def flush(self) -> None:
        """Returns when every event that was taken before has its result."""
        with self._work:
            self._queue.hurry = True
            self._work.notify_all()
            while self._outstanding:
                self._room.wait()
            self._queue.hurry = self._closed

    def close(self) -> None:
        """Takes no more events, and returns when all have their results."""
        with self._work:
            self._closed = True
            self._room.notify_all()
        self.flush()
        with self._work:
            self._work.notify_all()

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            try:
                self._send(batch)
            finally:
                with self._work:
                    self._queue.finish(batch)
                    self._outstanding -= len(batch)
                    self._room.notify_all()
                    self._work.notify_all()

    def _take(self) -> list[_Pending] | None:
        with self._work:
            while True:
                taken = self._queue.take(time.monotonic())
                if isinstance(taken, list):
                    return taken
                if self._closed and not len(self._queue):
                    return None
                self._work.wait(taken)

    def _send(self, batch: list[_Pending]) -> None:
        until = time.monotonic() + self._settings.timeout
        failures = 0
        while batch:
            request = BatchPublishEventsRequest(events=[one.event for one in batch])
            try:
                response = self._client._call(PUBLISH_BATCH, request, None)
            except TenterhookError as error:
                wait = self._next_try(error, failures, until, time.monotonic())
                if wait is None:
                    batch = _settle(batch, error)
                else:
                    failures += 1
                    self._client._closing.wait(wait)
                continue
            for one, result in zip(batch, response.results):
                one.done(result, None)
            return


class AsyncPublication(asyncio.Future[PublishResult]):
    """The result to come of one event. `event_id` is known at once: under it the event can be published again."""

    event_id: str = ""


class AsyncPublisher(_Base):
    """Gathers events into batches, in one event loop. Made by `AsyncClient.publisher`."""

    def __init__(self, client: AsyncClient, **options: Unpack[PublisherOptions]) -> None:
        super().__init__(client, PublisherSettings(**options))
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> AsyncPublisher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def publish(self, type: str, **fields: Unpack[EventFields]) -> AsyncPublication:
        """Takes an event, as `AsyncClient.publish`, when there is room for it, and gives its future result."""
        loop = asyncio.get_running_loop()
        if not self._tasks:
            self._tasks = [loop.create_task(self._run()) for _ in range(self._settings.in_flight)]
        publication = AsyncPublication(loop=loop)

        def done(result: PublishResult | None, error: Exception | None) -> None:
            if not publication.done():  # its waiter may have been cancelled
                publication.set_exception(error or Closed()) if result is None else publication.set_result(result)

        pending = self._pending(type, fields, loop.time(), done)
        publication.event_id = pending.event.id
        while self._outstanding >= self._settings.outstanding and not self._closed:
            if self._settings.when_full == "error":
                raise PublisherFull(f"{self._outstanding} events are outstanding")
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise Closed
        self._client._check_open()
        self._outstanding += 1
        if self._queue.add(pending) or len(self._queue) == 1:
            self._work.set()
        return publication

    async def flush(self) -> None:
        """Returns when every event that was taken before has its result."""
        self._queue.hurry = True
        self._work.set()
        while self._outstanding:
            self._room.clear()
            await self._room.wait()
        self._queue.hurry = self._closed

    async def close(self) -> None:
        """Takes no more events, and returns when all have their results."""
        self._closed = True
        self._room.set()
        await self.flush()
        self._work.set()
        await asyncio.gather(*self._tasks)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            taken = self._queue.take(loop.time())
            if isinstance(taken, list):
                try:
                    await self._send(taken, loop)
                finally:
                    self._queue.finish(taken)
                    self._outstanding -= len(taken)
                    self._room.set()
                    self._work.set()
                continue
            if self._closed and not len(self._queue):
                self._work.set()
                return
            self._work.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._work.wait(), taken)

    async def _send(self, batch: list[_Pending], loop: asyncio.AbstractEventLoop) -> None:
        until = loop.time() + self._settings.timeout
        failures = 0
        while batch:
            request = BatchPublishEventsRequest(events=[one.event for one in batch])
            try:
                response = await self._client._call(PUBLISH_BATCH, request, None)
            except TenterhookError as error:
                wait = self._next_try(error, failures, until, loop.time())
                if wait is None:
                    batch = _settle(batch, error)
                else:
                    failures += 1
                    await asyncio.sleep(wait)
                continue
            for one, result in zip(batch, response.results):
                one.done(result, None)
            return
