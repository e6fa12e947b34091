"""A TCP proxy that can drop, cut, mute and hold its connections."""

from __future__ import annotations

import socket
import threading

from server import LOOPBACK

class Proxy:
    """Passes on what comes, unless it is told otherwise."""

    def __init__(self, target: str, fail: int) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._fail = fail
        self._down = False
        self._flows = threading.Event()
        self._flows.set()
        self.connections = 0
        self._lock = threading.Lock()
        self._pairs: list[list[socket.socket]] = []
        self._muted: set[int] = set()
        self._listener = socket.create_server((LOOPBACK, 0))
        self.address = f"{LOOPBACK}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def act(self, what: str) -> None:
        if what == "mute":
            with self._lock:
                self._muted.update(id(pair) for pair in self._pairs)
        elif what in ("cut", "down"):
            self._down = what == "down"
            with self._lock:
                pairs, self._pairs = self._pairs, []
            for pair in pairs:
                for end in pair:
                    drop(end)
        elif what == "up":
            self._down = False
        elif what == "hold":
            self._flows.clear()
        elif what == "release":
            self._flows.set()
        else:
            raise KeyError(what)

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if self._down or self._fail > 0:
                self._fail -= 1
                drop(near)
                continue
            try:
                far = socket.create_connection(self._target)
            except OSError:
                drop(near)
                continue
            self.connections += 1
            pair = [near, far]
            with self._lock:
                self._pairs.append(pair)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(pair, source, sink), daemon=True).start()

    def _pump(self, pair: list[socket.socket], source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._flows.wait()
                if id(pair) not in self._muted:
                    sink.sendall(data)
        except OSError:
            pass
        for end in pair:
            drop(end)


def drop(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
