"""One `tenterhook serve` process."""

from __future__ import annotations

import os
import pathlib
import resource
import signal
import socket
import subprocess
import time
import urllib.request

LOOPBACK = "127.0.0.1"
START_SECONDS = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


# The origin of the page in which a browser runs scenarios.
PAGE = f"http://{LOOPBACK}:{free_port()}"


class Server:
    """A server on ports that it keeps over a restart."""

    def __init__(self, binary: str, *flags: str) -> None:
        self.address = f"{LOOPBACK}:{free_port()}"
        self._ops = f"{LOOPBACK}:{free_port()}"
        listen = ["--listen", self.address, "--ops-listen", self._ops, "--allow-origin", PAGE]
        self._command = [binary, "serve", *listen, *flags]
        self._process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        with open(os.environ.get("TENTERHOOK_SERVER_LOG", os.devnull), "ab") as log:
            # Python ignores SIGXFSZ and so does the server then: see `fill`.
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, restore_signals=False)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise SystemExit(f"the server ended with {self._process.returncode}: {self._command}")
            try:
                with urllib.request.urlopen(f"http://{self._ops}/readyz", timeout=1):
                    return
            except OSError:
                time.sleep(0.02)
        raise SystemExit("the server is not ready")

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """Kills it, as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def fill(self, store: pathlib.Path) -> None:
        """Lets no file grow beyond the largest of the store's: to the server its disk is full."""
        assert self._process is not None
        largest = max(file.stat().st_size for file in store.iterdir())
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
