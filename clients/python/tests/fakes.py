"""A server that does what a test tells it, and both clients behind one blocking face."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections import deque
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from tenterhook import AsyncClient, Client
from tenterhook.policy import METHODS


class Refuse(Exception):
    """What a handler raises to end a call with a status and details."""

    def __init__(self, code, message="refused", *details):
        super().__init__(message)
        self.code, self.details = code, details

    def end(self, context):
        status = status_pb2.Status(code=self.code.value[0], message=str(self))
        for detail in self.details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(self.code, str(self))


def retry_info(seconds):
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromMilliseconds(int(seconds * 1000))
    return info


def error_info(reason, **metadata):
    return error_details_pb2.ErrorInfo(domain="tenterhook", reason=reason, metadata=metadata)


class Server(grpc.GenericRpcHandler):
    """Answers each call with the next of `answers`: a message, a `Refuse`, a function of
    (request, context), or for streams an iterable of those."""

    def __init__(self, port=0, answers=()):
        self.answers = deque(answers)
        self.requests = []
        self.metadata = []
        self.methods = []
        self._kinds = {m.path: m for group in METHODS.values() for m in group.values()}
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        self._server.add_generic_rpc_handlers([self])
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()
        self.target = f"127.0.0.1:{self.port}"

    def stop(self):
        self._server.stop(None).wait()

    def service(self, details):
        method = self._kinds[details.method]
        self.methods.append(details.method.rpartition("/")[2])
        self.metadata.append(dict(details.invocation_metadata))
        serialize = {
            "request_deserializer": method.request.FromString,
            "response_serializer": method.response.SerializeToString,
        }
        if details.method.endswith("/StreamPublishEvents"):
            return grpc.stream_stream_rpc_method_handler(self._stream, **serialize)
        if details.method.endswith("/WatchDeliveries"):
            return grpc.unary_stream_rpc_method_handler(self._watch, **serialize)
        return grpc.unary_unary_rpc_method_handler(self._unary, **serialize)

    def _unary(self, request, context):
        self.requests.append(request)
        answer = self.answers.popleft()
        if callable(answer):
            answer = answer(request, context)
        if isinstance(answer, Refuse):
            answer.end(context)
        return answer

    def _watch(self, request, context):
        self.requests.append(request)
        for message in self.answers.popleft():
            if callable(message):
                message = message(request, context)
            if isinstance(message, Refuse):
                message.end(context)
            if message is not None:
                yield message

    def _stream(self, requests, context):
        context.send_initial_metadata(())
        for request in requests:
            self.requests.append(request)
            answer = self.answers.popleft()
            if isinstance(answer, Refuse):
                answer.end(context)
            answer.sequence = request.sequence
            yield answer


class Blocking:
    """An asyncio client that is called as the blocking one is."""

    _waits_for = None

    def __init__(self, make, loop=None):
        self._loop = loop or asyncio.new_event_loop()
        self._made = self._run(self._make(make))

    async def _make(self, make):
        return make()

    def _run(self, awaitable):
        Blocking._waits_for = self._loop.create_task(awaitable)
        return self._loop.run_until_complete(Blocking._waits_for)

    @staticmethod
    def cancel():
        """Cancels the task that is waited for."""
        task = Blocking._waits_for
        task.get_loop().call_soon_threadsafe(task.cancel)

    def __getattr__(self, name):
        value = getattr(self._made, name)
        if name in ("webhooks", "events", "deliveries", "server", "access"):
            return Blocking(lambda: value, self._loop)
        return self._wrap(value) if callable(value) else value

    def _wrap(self, function):
        def call(*arguments, **fields):
            result = self._run(self._make(lambda: function(*arguments, **fields)))
            if inspect.isawaitable(result):
                return self._run(_await(result))
            return Blocking(lambda: result, self._loop) if hasattr(result, "__aiter__") else result

        return call

    def __iter__(self):
        iterator = self._made.__aiter__()
        while True:
            try:
                yield self._run(_await(iterator.__anext__()))
            except StopAsyncIteration:
                return

    def __next__(self):
        return next(iter(self))

    def take_and_leave(self):
        async def take():
            item = await self._made.__anext__()
            await self._made.aclose()
            return item

        return self._run(take())

    def publish_by_publisher(self, options, events):
        async def publish():
            publisher = self._made.publisher(**options)
            publications = []
            for event in events:
                publications.append(await publisher.publish(**event))
                await asyncio.sleep(0)
            await publisher.close()
            return publications

        return self._run(publish())

    def close_from_elsewhere(self):
        asyncio.run_coroutine_threadsafe(self._made.close(), self._loop).result(10)

    def poll(self, seconds):
        """The next item, or None; the wait for it is given up as `asyncio.timeout` does it."""

        async def wait():
            with contextlib.suppress(asyncio.TimeoutError):
                return await asyncio.wait_for(self._made.__anext__(), seconds)

        return self._run(wait())

    def shut(self):
        self._run(self._made.close())
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.close()


async def _await(awaitable):
    return await awaitable


async def _aiter(items, end):
    for item in items:
        yield item
    await asyncio.to_thread(end)


def _iter(items, end):
    yield from items
    end()


def take_and_leave(stream):
    """The first item of a stream, which is then left."""
    if isinstance(stream, Blocking):
        return stream.take_and_leave()
    item = next(stream)
    stream.close()
    return item


def publish_by_publisher(client, options, events):
    """Publishes all by a publisher, which is closed; their publications."""
    if isinstance(client, Blocking):
        return client.publish_by_publisher(options, events)
    publisher = client.publisher(**options)
    publications = [publisher.publish(**event) for event in events]
    publisher.close()
    return publications


def open_client(kind, target, api_key=None, outside=False, **options):
    """A blocking face of `Client` (`sync`) or `AsyncClient` (`async`), which may be made
    `outside` of its event loop."""
    if kind == "sync":
        return Client(target, api_key, **options)
    if outside:
        made = AsyncClient(target, api_key, **options)
        return Blocking(lambda: made)
    return Blocking(lambda: AsyncClient(target, api_key, **options))


def client_from_env(kind):
    """The same, set up by the environment."""
    if kind == "sync":
        return Client.from_env()
    made = AsyncClient.from_env()
    return Blocking(lambda: made)


def close_soon(client, seconds):
    """Closes the client from elsewhere, after some time."""
    close = client.close if isinstance(client, Client) else client.close_from_elsewhere
    timer = threading.Timer(seconds, close)
    timer.start()
    return timer


def stream_of(kind, items, end=lambda: None):
    """The items as a client of `kind` takes them; `end` is called after the last."""
    return _iter(items, end) if kind == "sync" else _aiter(items, end)


def shut(client):
    client.close() if isinstance(client, Client) else client.shut()
