"""For tests of your own: a server in memory, a receiver that notes what comes, and a wait for a delivery.

    with Server() as server, RecordingReceiver() as receiver:
        client = server.client()
        client.create_webhook({"display_name": "hook", "request": {"url": receiver.url}})
        event_id = client.publish("created", data={"id": 7}).event_id
        wait_for(client, event_id)
        assert receiver.requests[0].json["data"] == {"id": 7}

The server is the program `tenterhook`, found by `TENTERHOOK_BIN` or in the PATH.
"""

from __future__ import annotations

import collections
import json
import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .client import Client
from .v1.delivery_pb2 import Delivery, DeliveryState

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from .connection import Options

_BINARY = "TENTERHOOK_BIN"
# The line of the server's log that says where it listens.
_STARTED = "tenterhook::started"
# How long the rest of the log of a server that is stopped may take.
_LAST_WORDS_SECONDS = 1
_LOOPBACK = "127.0.0.1"
_FINAL = frozenset(("SUCCEEDED", "FAILED", "CANCELLED"))


class _Closing:
    """What is closed at the end of a `with`."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Server(_Closing):
    """A server on a free port of this machine, with its store in memory: it starts in a fraction of a second.

    `binary` is the program; `flags` are further ones of `tenterhook serve`. Its settings come from them alone,
    and not from the environment. Raises `RuntimeError` with what it wrote when it does not listen within
    `timeout` seconds.
    """

    target: str
    """Where it listens: `127.0.0.1:PORT`."""

    def __init__(self, binary: str | os.PathLike[str] | None = None, flags: Sequence[str] = (), timeout: float = 20) -> None:
        listen = ["--listen", f"{_LOOPBACK}:0", "--ops-listen", "off", "--log-format", "json"]
        command = [_find(binary), "serve", "--dev", "--store", "memory:", *listen, *flags]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TENTERHOOK_")}
        self._clients: list[Client] = []
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self._lines: collections.deque[str] = collections.deque(maxlen=100)
        self._listens = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        ended = self._listens.wait(timeout)
        if not hasattr(self, "target"):
            self.close()
            how = "did not start" if ended else f"did not start within {timeout:g} s"
            raise RuntimeError(f"the server {how}: {' '.join(command)}\n{self.log}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.append(line)
                if not self._listens.is_set() and _STARTED in line:
                    self.target = json.loads(line)["listen"]
                    self._listens.set()
        self._listens.set()

    @property
    def log(self) -> str:
        """The last 100 lines that the server wrote."""
        return "".join(self._lines)

    def client(self, **options: Unpack[Options]) -> Client:
        """A client in a namespace of its own, so that tests do not see each other; it is closed with the server."""
        options.setdefault("namespace", f"test-{uuid.uuid4().hex[:12]}")
        client = Client(self.target, **options)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Stops the server."""
        for client in self._clients:
            client.close()
        self._process.kill()
        self._process.wait()
        self._reader.join(_LAST_WORDS_SECONDS)


def _find(binary: str | os.PathLike[str] | None) -> str:
    given = os.fspath(binary) if binary else os.environ.get(_BINARY, "")
    found = shutil.which(given or "tenterhook")
    if found is None:
        where = f"{given} is no program" if given else "there is no program `tenterhook` in the PATH"
        raise FileNotFoundError(f"{where}: install it, or set {_BINARY} to its path")
    return found


@dataclass(frozen=True)
class Request:
    """A request that came. The names of `headers` are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class RecordingReceiver(_Closing):
    """An HTTP server on a free port of this machine that notes each request.

    It answers with the statuses of `statuses`, one after the other, and then with 204.
    """

    def __init__(self, statuses: Sequence[int] = ()) -> None:
        self.requests: list[Request] = []
        """What came so far, in order."""
        self._statuses = collections.deque(statuses)
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._note(Request(self.path, headers, body))
                self.send_response(status)
                if status != 204:
                    self.send_header("content-length", "0")
                self.end_headers()

            do_PUT = do_PATCH = do_DELETE = do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer((_LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{_LOOPBACK}:{self._server.server_port}/"
        """Where it listens."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _note(self, request: Request) -> int:
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
            return self._statuses.popleft() if self._statuses else 204

    def wait(self, count: int = 1, timeout: float = 10) -> list[Request]:
        """The requests, when so many have come. Raises `TimeoutError` after `timeout` seconds."""
        with self._came:
            if not self._came.wait_for(lambda: len(self.requests) >= count, timeout):
                raise TimeoutError(f"{len(self.requests)} of {count} requests came within {timeout} s")
            return list(self.requests)

    def close(self) -> None:
        """Stops it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def wait_for(client: Client, event_id: str, state: str = "SUCCEEDED", timeout: float = 10) -> list[Delivery]:
    """The deliveries of the event, with their attempts, when there are some and all are in the state.

    Raises `AssertionError` at once when one ends in another, and `TimeoutError` after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    found = client.list_deliveries(event_ids=[event_id])
    states = {delivery.id: _name(delivery) for delivery in found}
    with client.watch(event_ids=[event_id], resume_token=found.resume_token) as watch:
        while not states or any(one != state for one in states.values()):
            ended = [delivery_id for delivery_id, one in states.items() if one in _FINAL and one != state]
            if ended and state in _FINAL:
                raise AssertionError(_tell(client, event_id, ended[0]))
            item = watch.poll(max(0, deadline - time.monotonic()))
            if item is None:
                told = ", ".join(f"{key}: {value}" for key, value in states.items()) or "it has no delivery"
                raise TimeoutError(f"event {event_id} is not {state} within {timeout} s: {told}")
            states[item.change.delivery.id] = _name(item.change.delivery)
    return [client.get_delivery(delivery_id) for delivery_id in states]


def _name(delivery: Delivery) -> str:
    return DeliveryState.Name(delivery.state).removeprefix("DELIVERY_STATE_")


def _tell(client: Client, event_id: str, delivery_id: str) -> str:
    delivery = client.get_delivery(delivery_id)
    why = delivery.attempts[-1].error if delivery.attempts else ""
    return f"delivery {delivery_id} of event {event_id} is {_name(delivery)}: {why or 'it was not tried'}"
