"""Runs the shared scenarios; clients/conformance/README.md says what a step means."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
import tempfile
import threading
import time
import urllib.request
import uuid

import pytest
from fakes import Blocking, client_from_env, close_soon, open_client, publish_by_publisher, shut, stream_of, take_and_leave
from google.protobuf import json_format
from google.protobuf.message import Message

from tenterhook import Closed, Conflict, FileCheckpoint, Invalid, NotFound, RetryPolicy, TenterhookError, Unavailable
from tenterhook.policy import METHODS

FIXTURES = pathlib.Path(__file__).parents[3] / "tests/fixtures/conformance"
KINDS = {
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": Conflict,
    "ABORTED": Conflict,
    "FAILED_PRECONDITION": Conflict,
    "INVALID_ARGUMENT": Invalid,
    "OUT_OF_RANGE": Invalid,
    "UNAVAILABLE": Unavailable,
}
POLL_SECONDS = 0.05


def scenarios():
    """Every scenario with the `given` of its file."""
    for path in sorted(FIXTURES.glob("*.json")):
        document = json.loads(path.read_text())
        for scenario in document["scenarios"]:
            yield f"{path.stem}: {scenario['name']}", document.get("given", {}), scenario["steps"]


def as_json(value):
    """Messages, lists and errors as JSON with the proto's names."""
    if isinstance(value, Message):
        return json_format.MessageToDict(value, preserving_proto_field_name=True)
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]
    return value


def contains(actual, expected, place="answer"):
    """Asserts that `expected` is in `actual`."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            inside = actual.get(name) if isinstance(actual, dict) else None
            contains(inside, value, f"{place}.{name}")
    elif isinstance(expected, list):
        items = actual or []
        assert len(items) == len(expected), f"{place}: {len(items)} items, not {len(expected)}: {items}"
        for index, value in enumerate(expected):
            contains(items[index], value, f"{place}[{index}]")
    elif expected == "*":
        assert actual not in (None, "", [], {}), f"{place} is empty"
    elif isinstance(expected, str) and expected.startswith("~"):
        assert re.search(expected[1:], text(actual)), f"{place}: {actual!r} has no {expected[1:]!r}"
    elif expected in ("", 0, False, None):
        assert actual in (None, "", 0, False, "0", [], {}), f"{place}: {actual!r} is not empty"
    else:
        assert text(actual) == text(expected), f"{place}: {actual!r} is not {expected!r}"


def text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def at(value, path):
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value.get(part, "")
    return value


@contextlib.contextmanager
def alarm(milliseconds, ring):
    """Calls `ring` in the midst of what takes longer."""
    previous = signal.signal(signal.SIGALRM, lambda *_: ring())
    signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def limit(milliseconds):
    """Raises TimeoutError in whatever takes longer."""

    def late():
        raise TimeoutError(f"not within {milliseconds} ms")

    return alarm(milliseconds, late)


def interrupt():
    """What Ctrl-C does."""
    raise KeyboardInterrupt


class Runner:
    def __init__(self, kind, control, given):
        self._kind = kind
        self._control = control
        self._given = given
        self.variables = self._ask("/")
        self.variables["ns"] = f"py-{uuid.uuid4().hex[:12]}"
        self.variables["uuid"] = str(uuid.uuid4())
        self._clients = {}
        self._attempts = {}
        self._watches = {}
        self._connectivity = {}
        self._files = tempfile.TemporaryDirectory()
        self._connect("main", {"target": self.variables["target"]})

    def close(self):
        for watch, _, _ in self._watches.values():
            watch.close()
        for client in self._clients.values():
            shut(client)
        self._files.cleanup()

    def run(self, steps):
        for step in steps:
            if "given" in step:
                self.run(self._given[step["given"]])
            elif "repeat" in step:
                for index in range(step["repeat"]):
                    self.variables["i"] = str(index)
                    self.run(step["steps"])
            else:
                self._step(self._fill(step))

    def _step(self, step):
        start = time.monotonic()
        patience = step.get("within_ms", 30_000)
        if "close_client_ms" in step:
            closing = close_soon(self._clients[step["client"]], step["close_client_ms"] / 1000)
            with limit(patience):
                self._fail(step) if "error" in step else self._succeed(step)
            closing.join()
        elif "give_up_ms" in step:
            self._give_up(step, patience)
        elif "error" in step:
            with limit(patience):
                self._fail(step)
        elif "expect" in step and "within_ms" in step:
            self._until(step, start + patience / 1000)
        else:
            with limit(patience):
                self._succeed(step)
        assert (time.monotonic() - start) * 1000 >= step.get("at_least_ms", 0), "too early"

    def _until(self, step, deadline):
        while True:
            try:
                return self._succeed(step)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)

    def _succeed(self, step):
        answer = self._do(step)
        if "expect" in step:
            contains(answer, step["expect"])
        if "count" in step:
            assert answer["count"] == step["count"], f"{answer['count']} items"
        for name, path in step.get("save", {}).items():
            self.variables[name] = at(answer, path)

    def _fail(self, step):
        try:
            answer = self._do(step)
        except TenterhookError as error:
            check_error(error, step["error"])
        else:
            raise AssertionError(f"no error but {answer}")

    def _give_up(self, step, patience):
        start = time.monotonic()
        cancel = interrupt if self._kind == "sync" else Blocking.cancel
        with alarm(step["give_up_ms"], cancel), pytest.raises((KeyboardInterrupt, asyncio.CancelledError)):
            self._do(step)
        assert (time.monotonic() - start) * 1000 < patience, f"not within {patience} ms"

    def _do(self, step):
        client = self._clients[step.get("client", "main")]
        request = step.get("request", {})
        if "ping" in step:
            return client.ping()
        if "write" in step:
            return self._write(step)
        if "refuse" in step:
            return self._refuse(step)
        if "connectivity" in step:
            return self._connectivity[step["connectivity"]]
        if "call" in step:
            return as_json(call(client, step["call"], request))
        if "publish" in step:
            return as_json(client.publish(**step["publish"]))
        if "publish_batch" in step:
            return as_json(client.publish_batch(step["publish_batch"]))
        if "leave" in step:
            for _ in range(step["leave"]):
                endless = stream_of(self._kind, itertools.cycle(step["publish_stream"]))
                take_and_leave(client.publish_stream(endless))
            return {}
        if "fail_at" in step:
            return self._fail_at(client, step)
        if "publish_stream" in step:
            end = (lambda: self._ask(step["then"])) if "then" in step else (lambda: None)
            events = stream_of(self._kind, step["publish_stream"], end)
            return [read_ack(ack) for ack in client.publish_stream(events)]
        if "publish_each" in step:
            return self._publish_each(client, step)
        if "ordered" in step:
            return ordered(client, step["ordered"])
        if "list" in step:
            pages = getattr(client, f"list_{step['list']}")(**request)
            count = sum(1 for _ in pages)
            return {"count": count, "resume_token": pages.resume_token}
        if "watch" in step:
            interval = request.pop("bookmark_interval", None)
            if interval is not None:
                request["bookmark_interval"] = {"seconds": int(interval.removesuffix("s"))}
            if "start_time" in request.get("filter", {}):
                request["filter"]["start_time"] = {"seconds": 1}
            told = self._connectivity[step["watch"]] = []
            place = {"checkpoint": FileCheckpoint(step["checkpoint"])} if "checkpoint" in step else {}
            watch = client.watch(on_connectivity=lambda state: tell(told, state), **place, **request)
            self._watches[step["watch"]] = (watch, set(), set())
            if "take" not in step:
                return {}
        if "wait_ms" in step:
            return self._wait(step)
        if "take" in step:
            return self._take(step)
        if "close_client" in step:
            self._clients[step["close_client"]].close()
            return {}
        if "attempts" in step:
            attempts = self._attempts[step["attempts"]]
            assert attempts <= step["at_most"], f"{attempts} attempts"
            return {}
        if "close" in step:
            self._watches.pop(step["close"])[0].close()
            return {}
        if "connect" in step:
            return self._connect(step["connect"], step)
        return self._ask(step["control"])

    def _write(self, step):
        path = pathlib.Path(self._files.name, step["write"])
        path.write_text(step["text"])
        self.variables[step["write"]] = str(path)
        return {}

    def _refuse(self, step):
        with environment(step["refuse"]), pytest.raises(ValueError) as refused:
            client_from_env(self._kind)
        for text in step["expect"]:
            assert text in str(refused.value)
        return step["expect"]

    def _connect(self, name, step):
        if "env" in step:
            with environment(step["env"]):
                self._clients[name] = client_from_env(self._kind)
            return {}
        timeout = step.get("timeout_ms", 10_000) / 1000
        options = {"namespace": self.variables["ns"], "retry": retry_of(step), "timeout": timeout}
        self._attempts[name] = 0

        def headers():
            self._attempts[name] += 1
            return step.get("headers", {})

        options["headers"] = headers
        options["outside"] = step.get("outside", False)
        for option, given in {"ca": "ca", "client_cert": "cert", "client_key": "cert_key"}.items():
            if given in step:
                options[option] = step[given].encode()
        key = step.get("api_key")
        if "api_keys" in step:
            keys = iter(step["api_keys"])
            key = lambda: next(keys, step["api_keys"][-1])
        self._clients[name] = open_client(self._kind, step["target"], key, **options)
        return {}

    def _fail_at(self, client, step):
        """Publishes from a source that fails with an error of its own."""
        acks = []

        def fail():
            raise ConnectionResetError("the source failed")

        events = stream_of(self._kind, step["publish_stream"][: step["fail_at"]], fail)
        try:
            for ack in client.publish_stream(events):
                acks.append(ack)
        except ConnectionResetError as error:
            return {"acknowledged": len(acks), "own_error": str(error) == "the source failed"}
        return {"acknowledged": len(acks), "own_error": False}

    def _publish_each(self, client, step):
        """Publishes numbered events by a publisher, with something in the middle."""
        given = step.get("publisher", {})
        options = {name.removesuffix("_ms"): value for name, value in given.items()}
        if "linger" in options:
            options["linger"] /= 1000
        count = step["publish_each"]
        meanwhile = threading.Thread(target=lambda: self._ask(step["meanwhile"]))

        def numbered():
            for n in range(count):
                if n == count // 2 and "meanwhile" in step:
                    meanwhile.start()
                key = {"ordering_key": f"k{n % step['keys']}"} if "keys" in step else {}
                yield {"id": f"e{n}", "type": "" if n in step.get("bad", ()) else "created", "data": {"n": n}, **key}

        publications = publish_by_publisher(client, options, numbered())
        if "meanwhile" in step:
            meanwhile.join()
        failed = [n for n, one in enumerate(publications) if one.exception() is not None]
        assert all(one.exception() or one.result().event_id == one.event_id for one in publications)
        return {"stored": count - len(failed), "failed": failed}

    def _wait(self, step):
        """Waits so long for a change, which does not come unless it is one to `skip`."""
        watch, known, _ = self._watches[step["take"]]
        item = watch.poll(step["wait_ms"] / 1000)
        assert item is None or item.change.delivery.event_id in step.get("skip", ()), item
        known.update(step.get("skip", ()))
        return {}

    def _take(self, step):
        watch, known, seen = self._watches[step["take"]]
        known.update(step.get("events", []))
        count = step.get("count", 0)
        waiting = set(step.get("events", [] if count else ["an error"]))
        token, taken = "", 0
        while waiting or taken < count:
            item = next(watch)
            taken += 1
            delivery, token = item.change.delivery, item.token
            mark = (delivery.id, delivery.state, delivery.attempt_count)
            assert mark not in seen, f"{mark} came twice"
            assert count or delivery.event_id in known, f"{delivery.event_id} is none of {known}"
            known.add(delivery.event_id)
            seen.add(mark)
            state = as_json(delivery).get("state")
            if state == step.get("state"):
                waiting.discard(delivery.event_id)
        return {"token": token, "count": taken}

    def _ask(self, path):
        with urllib.request.urlopen(self._control + path) as answer:
            return json.load(answer)

    def _fill(self, value):
        if isinstance(value, dict):
            return {self._fill(name): self._fill(inside) for name, inside in value.items()}
        if isinstance(value, list):
            return [self._fill(inside) for inside in value]
        if isinstance(value, str):
            return re.sub(r"\$([a-z]+[0-9]*)", lambda found: self.variables[found[1]], value)
        return value


@contextlib.contextmanager
def environment(variables):
    """The environment with these variables of Tenterhook and no other."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("TENTERHOOK_"):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def tell(told, state):
    """Notes the state of a watch's connection, once while it stays the same."""
    text = "connected" if state.connected else state.error.code.name
    assert state.connected == (state.retry_in is None)
    if told[-1:] != [text]:
        told.append(text)


def retry_of(step):
    """The policy of a step: true or false, or the fields that are not zero."""
    given = step.get("retry", True)
    if isinstance(given, bool):
        return RetryPolicy(enabled=given)
    seconds = {name: given.get(f"{name}_ms", 0) / 1000 for name in ("initial", "max")}
    enabled = given.get("enabled", True)
    return RetryPolicy(seconds["initial"], given.get("multiplier", 0), seconds["max"], 0, enabled)


def ordered(client, keys):
    numbers = [int(event.id.removeprefix("e")) for event in client.list_events(page_size=1000)]
    for key in range(keys):
        of_key = [number for number in reversed(numbers) if number % keys == key]
        assert of_key == sorted(of_key), f"key {key}: {of_key}"
    return {"count": len(numbers)}


def call(client, path, fields):
    service, method = path.split("/")
    group = {
        "AccessService": "access",
        "DeliveryService": "deliveries",
        "EventService": "events",
        "WebhookService": "webhooks",
    }
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower()
    request = METHODS[service][name].request()
    json_format.ParseDict(fields, request)
    return getattr(getattr(client, group[service]), name)(request)


def read_ack(ack):
    if ack.error is None:
        return {"result": as_json(ack.result)}
    fields = [violation.field for violation in ack.error.field_violations]
    error = {"code": ack.error.code.name, "reason": ack.error.reason_name, "field": "".join(fields)}
    return {"error": {**error, "text": str(ack.error)}}


def check_error(error, expected):
    assert error.code.name in expected["code"].split("|"), error
    assert isinstance(error, KINDS.get(error.code.name, TenterhookError)), type(error)
    assert isinstance(error, Closed) == expected.get("closed", False), type(error)
    if "reason" in expected:
        assert error.reason_name == expected["reason"], error
    if "permanent" in expected:
        assert error.permanent == expected["permanent"], error
    if "field" in expected:
        fields = [violation.field for violation in error.field_violations]
        assert any(field.startswith(expected["field"]) for field in fields), error
    if "message" in expected:
        contains(error.message, expected["message"], "message")
    if "text" in expected:
        contains(str(error), expected["text"], "text")
    if "retry_after" in expected:
        assert (error.retry_after is not None) == expected["retry_after"], error
    for name in expected.get("metadata", []):
        assert error.metadata.get(name), f"{name} is not in {error.metadata}"
