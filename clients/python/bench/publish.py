"""How fast the clients publish, beside the bare generated stubs: see docs/BENCHMARKS.md.

`publish.py blocking|asyncio TARGET ROUNDS SLICE_MS` prints a line for each slice: way, who, events,
seconds. The way `loop` is the obvious program: with a publisher, with one call after the other, and with 64 calls at once.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio

from tenterhook import AsyncClient, Client
from tenterhook.v1.event_pb2 import Event, JsonDocument
from tenterhook.v1.event_service_pb2 import (
    BatchPublishEventsRequest,
    PublishEventRequest,
    StreamPublishEventsRequest,
)
from tenterhook.v1.event_service_pb2_grpc import EventServiceStub

IN_FLIGHT = 64
NUMBERS = itertools.count()
COMMENTS = "x" * 1000


def value() -> dict[str, Any]:
    return {"id": next(NUMBERS), "name": "Zürich", "comments": COMMENTS}


def fields() -> dict[str, Any]:
    """An event as a user of the client makes it."""
    return {"type": "updated", "object_type": "dcim.site", "data": value()}


def message() -> Event:
    """An event as a user of the generated code makes it."""
    data = JsonDocument(json=json.dumps(value()))
    return Event(id=str(uuid.uuid4()), type="updated", object_type="dcim.site", data=data)


class OfClient:
    """What is asked of either client: its answers are awaited where they must be."""

    name = "client"

    def __init__(self, client: Any) -> None:
        self._client = client

    def unary(self) -> Any:
        return self._client.publish(**fields())

    def batch(self) -> Any:
        return self._client.publish_batch([fields() for _ in range(IN_FLIGHT)])

    def stream(self, tokens: Any) -> Any:
        return self._client.publish_stream(each(fields, tokens))


class OfStub:
    name = "stub"

    def __init__(self, channel: Any) -> None:
        self._stub = EventServiceStub(channel)

    def unary(self) -> Any:
        return self._stub.PublishEvent(PublishEventRequest(event=message()))

    def batch(self) -> Any:
        events = [message() for _ in range(IN_FLIGHT)]
        return self._stub.BatchPublishEvents(BatchPublishEventsRequest(events=events))

    def stream(self, tokens: Any) -> Any:
        sequence = itertools.count()
        return self._stub.StreamPublishEvents(
            each(lambda: StreamPublishEventsRequest(sequence=next(sequence), event=message()), tokens)
        )


def each(make: Any, tokens: Any) -> Any:
    """One of what is made for each token."""
    if hasattr(tokens, "__anext__"):
        return (make() async for _ in tokens)
    return (make() for _ in tokens)


def loop_blocking(client: Client, end: float) -> int:
    publications = []
    with client.publisher() as publisher:
        while time.perf_counter() < end:
            publications.append(publisher.publish(**fields()))
    return sum(publication.result() is not None for publication in publications)


def calls_blocking(client: Client, end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        client.publish(**fields())
        count += 1
    return count


async def calls_asyncio(client: AsyncClient, end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        await client.publish(**fields())
        count += 1
    return count


async def loop_asyncio(client: AsyncClient, end: float) -> int:
    publications = []
    async with client.publisher() as publisher:
        while time.perf_counter() < end:
            publications.append(await publisher.publish(**fields()))
    return sum([await publication is not None for publication in publications])


def slice_blocking(publisher: Any, way: str, end: float, pool: ThreadPoolExecutor) -> int:
    def work() -> int:
        count = 0
        while time.perf_counter() < end:
            publisher.unary()
            count += 1
        return count

    if way == "unary":
        return sum(worker.result() for worker in [pool.submit(work) for _ in range(IN_FLIGHT)])
    count = 0
    if way == "batch":
        while time.perf_counter() < end:
            publisher.batch()
            count += IN_FLIGHT
        return count
    room = threading.Semaphore(IN_FLIGHT)

    def tokens() -> Iterator[None]:
        while time.perf_counter() < end:
            room.acquire()
            yield

    for _ in publisher.stream(tokens()):
        room.release()
        count += 1
    return count


async def slice_asyncio(publisher: Any, way: str, end: float) -> int:
    async def work() -> int:
        count = 0
        while time.perf_counter() < end:
            await publisher.unary()
            count += 1
        return count

    if way == "unary":
        return sum(await asyncio.gather(*(work() for _ in range(IN_FLIGHT))))
    count = 0
    if way == "batch":
        while time.perf_counter() < end:
            await publisher.batch()
            count += IN_FLIGHT
        return count
    room = asyncio.Semaphore(IN_FLIGHT)

    async def tokens() -> AsyncIterator[None]:
        while time.perf_counter() < end:
            await room.acquire()
            yield

    async for _ in publisher.stream(tokens()):
        room.release()
        count += 1
    return count


def turns(publishers: list[Any], rounds: int) -> Iterator[tuple[str, Any, bool]]:
    """Each is first as often as the other; the first round only warms up."""
    for way in ("unary", "batch", "stream"):
        for number in range(rounds + 1):
            for publisher in publishers if number % 2 else reversed(publishers):
                yield way, publisher, number > 0


def blocking(target: str, rounds: int, seconds: float) -> None:
    with Client(target) as client, grpc.insecure_channel(target) as channel, ThreadPoolExecutor(IN_FLIGHT) as pool:
        for way, publisher, counts in turns([OfClient(client), OfStub(channel)], rounds):
            start = time.perf_counter()
            count = slice_blocking(publisher, way, start + seconds, pool)
            if counts:
                print(way, publisher.name, count, time.perf_counter() - start)
        loops = {
            "publisher": lambda end: loop_blocking(client, end),
            "each": lambda end: calls_blocking(client, end),
            "together": lambda end: slice_blocking(OfClient(client), "unary", end, pool),
        }
        for number in range(rounds + 1):
            for who, loop in loops.items():
                start = time.perf_counter()
                count = loop(start + seconds)
                if number > 0:
                    print("loop", who, count, time.perf_counter() - start)


async def with_asyncio(target: str, rounds: int, seconds: float) -> None:
    async with AsyncClient(target) as client, grpc.aio.insecure_channel(target) as channel:
        for way, publisher, counts in turns([OfClient(client), OfStub(channel)], rounds):
            start = time.perf_counter()
            count = await slice_asyncio(publisher, way, start + seconds)
            if counts:
                print(way, publisher.name, count, time.perf_counter() - start)
        loops = {
            "publisher": lambda end: loop_asyncio(client, end),
            "each": lambda end: calls_asyncio(client, end),
            "together": lambda end: slice_asyncio(OfClient(client), "unary", end),
        }
        for number in range(rounds + 1):
            for who, loop in loops.items():
                start = time.perf_counter()
                count = await loop(start + seconds)
                if number > 0:
                    print("loop", who, count, time.perf_counter() - start)


def main(kind: str, target: str, rounds: str, slice_ms: str) -> None:
    if kind == "blocking":
        blocking(target, int(rounds), int(slice_ms) / 1000)
    else:
        asyncio.run(with_asyncio(target, int(rounds), int(slice_ms) / 1000))


if __name__ == "__main__":
    main(*sys.argv[1:])
