#!/usr/bin/env python3
"""Walks the quick start of a client's README: from an empty folder to an event that is published and verified.

`quick_start.py LANGUAGE`, below the harness, after `make package-LANGUAGE`. What it runs is what the README
says, block by block; only the addresses are those of the harness and of a free port.
"""

from __future__ import annotations

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
# Compiling all that a client needs takes the longest.
PATIENCE_SECONDS = 1200

INSTALL = re.compile(r"```sh\n(?P<text>.*?)```", re.DOTALL)
# What a build tool writes before the program does.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PROGRAM = re.compile(r"run by `(?P<command>[^`]+)`[^\n]*:\n\n```\w+ (?P<name>\S+)\n(?P<text>.*?)```", re.DOTALL)


class Walk:
    """The blocks of one README, in a folder of their own."""

    def __init__(self, language: str, folder: pathlib.Path) -> None:
        text = (CHECKOUT / "clients" / language / "README.md").read_text()
        section = text.split("## Quick start\n", 1)[1].split("\n## ", 1)[0]
        self._folder = folder
        self._port = free_port()
        self._environment = {**os.environ, "CHECKOUT": str(CHECKOUT)}
        self._install = INSTALL.search(section)["text"]
        self._programs = [match.groupdict() for match in PROGRAM.finditer(section)]
        if len(self._programs) != 2 or section.count("```") != 6:
            raise SystemExit(f"the quick start of {language} has not three blocks, an installation and two programs")

    def _here(self, text: str) -> str:
        """The text with the addresses of this run."""
        return text.replace("localhost:50051", os.environ["TENTERHOOK_TARGET"]).replace("9000", str(self._port))

    def install(self) -> None:
        """Runs the first block, and keeps the environment that it leaves to the shell."""
        kept = self._folder / ".environment"
        script = f"set -e\n{self._install}\nenv --null > '{kept}'"
        subprocess.run(["bash", "-c", script], cwd=self._folder, env=self._environment, check=True, timeout=PATIENCE_SECONDS)
        lines = kept.read_text().split("\0")
        self._environment = dict(line.split("=", 1) for line in lines if line)
        kept.unlink()

    def start(self, program: dict[str, str]) -> subprocess.Popen:
        """Writes a program and starts it, with the processes that it starts as its group."""
        path = self._folder / program["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._here(program["text"]))
        return subprocess.Popen(
            ["bash", "-c", self._here(program["command"])],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self) -> None:
        self.install()
        receiver, publisher = self._programs
        running = self.start(receiver)
        try:
            self._await_receiver(running)
            published = self._publish(publisher)
            for line in running.stdout:
                print("   ", line, end="", flush=True)
                if COLOUR.sub("", line).startswith(f"verified {published} "):
                    return
            raise SystemExit(f"the receiver ended before it had {published}")
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()

    def _await_receiver(self, running: subprocess.Popen) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and running.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, self._port)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit(f"the receiver does not listen (it ended with {running.poll()})")

    def _publish(self, publisher: dict[str, str]) -> str:
        """Runs the publisher to its end; the id of its event."""
        running = self.start(publisher)
        out, _ = running.communicate(timeout=PATIENCE_SECONDS)
        print("   ", out, end="", flush=True)
        published = re.search(r"^published (\S+)$", COLOUR.sub("", out), re.MULTILINE)
        if running.returncode != 0 or published is None:
            raise SystemExit(f"the publisher ended with {running.returncode}")
        return published[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def main(language: str) -> None:
    with tempfile.TemporaryDirectory(prefix=f"tenterhook-start-{language}-") as folder:
        print(f"{language}: the quick start of its README, in an empty folder", flush=True)
        Walk(language, pathlib.Path(folder)).run()


if __name__ == "__main__":
    signal.alarm(PATIENCE_SECONDS)  # nothing of this waits for ever
    main(sys.argv[1])
