#!/usr/bin/env python3
"""Runs the three examples of a client together, against the server of the harness.

`examples.py PUBLISH WATCH RECEIVER`, each a command line. What the service publishes arrives at the
receiver, which verifies it, and the stream of deliveries tells so; it goes on where it was when it was killed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import queue
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE_SECONDS = 60


class Program:
    """A program that runs until it is stopped."""

    def __init__(self, command: str, *arguments: str) -> None:
        self._command = command
        self._process = subprocess.Popen([*shlex.split(command), *arguments], stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            print("   ", line, end="", flush=True)
            self._lines.put(line)
        self._lines.put(None)

    def lines(self) -> Iterator[str]:
        while (line := self._lines.get(timeout=PATIENCE_SECONDS)) is not None:
            yield line
        raise SystemExit(f"{self._command} ended too early")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def kill(self) -> Iterator[str]:
        """Ends it as a crash does: nothing of it runs any more. Gives the lines that it had still written."""
        self._process.kill()
        self._process.wait()
        return iter(self._lines.get, None)


@contextlib.contextmanager
def running(command: str, *arguments: str) -> Iterator[Program]:
    program = Program(command, *arguments)
    try:
        yield program
    finally:
        program.stop()


def run(command: str, *arguments: str) -> dict[str, str]:
    """Runs a program to its end: the first word of each line, to the second."""
    done = subprocess.run(
        [*shlex.split(command), *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE_SECONDS
    )
    print("   ", done.stdout.replace("\n", "\n    "), flush=True)
    return dict(line.split()[:2] for line in done.stdout.splitlines())


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise SystemExit(f"not so: {what}")


Change = tuple[str, str]
"""An event and the state of its delivery."""


def follow(command: str, target: str, place: pathlib.Path, is_enough: Callable[[list[Change]], bool]) -> list[Change]:
    """Watches until it has shown enough, and kills the program there and then; every change that it showed."""
    shown: list[Change] = []
    with running(command, target, str(place)) as program:
        for line in program.lines():
            shown.append(read(line))
            if is_enough(shown):
                break
        return shown + [read(line) for line in program.kill()]


def read(line: str) -> Change:
    event, state = line.split()[:2]
    return event, state


def succeeded(wanted: set[str]) -> Callable[[list[Change]], bool]:
    """Whether the deliveries of those events have all succeeded."""
    return lambda shown: wanted <= {event for event, state in shown if state.endswith("SUCCEEDED")}


def await_received(receiver: Program, wanted: set[str]) -> None:
    missing = set(wanted)
    for line in receiver.lines():
        if line.startswith("received "):
            missing.discard(line.split()[1])
        if not missing:
            return


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, b"{}", method="POST"), timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def main(publish: str, watch: str, receive: str) -> None:
    target = os.environ["TENTERHOOK_TARGET"]
    with tempfile.TemporaryDirectory() as folder, running(receive, SECRET, "0") as receiver:
        place = pathlib.Path(folder, "token")
        listening = re.search(r"http://\S+", next(receiver.lines()))
        expect(listening is not None, "the receiver tells where it listens")
        url = f"{listening[0]}/hook"
        first = run(publish, target, url, SECRET)
        expect(len(first) == 3 and set(first.values()) == {"new"}, "three events are new")
        await_received(receiver, set(first))
        follow(watch, target, place, succeeded(set(first)))
        expect(set(run(publish, target, url, SECRET).values()) == {"known"}, "the same events are known")
        second = run(publish, target, url, SECRET, "2")
        await_received(receiver, set(second))
        # Killed in the middle, it has not lost what it did not show, and shows again what it had in hand, or what
        # it had shown when it was killed and could not note any more: at most one change.
        before = follow(watch, target, place, lambda shown: shown[-1][0] in second)
        after = follow(watch, target, place, lambda shown: succeeded(set(second))(before + shown))
        old = {event for event, _ in before} - set(second)
        expect(len(old) <= 1, f"a watch goes on where it stopped, with {set(second)}: {before}")
        expect(len(set(before) & set(after)) <= 1, f"at most one change comes again: {before}, then {after}")
        expect(status_of(url) == 401, "a request without a signature is refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
