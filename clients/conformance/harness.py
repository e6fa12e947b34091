#!/usr/bin/env python3
"""Runs a command against a real server: `harness.py --binary PATH -- COMMAND …`; see README.md."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOOPBACK = "127.0.0.1"
START_SECONDS = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


class Server:
    """One `tenterhook serve` process, on ports that it keeps over a restart."""

    def __init__(self, binary: str, *flags: str) -> None:
        self.address = f"{LOOPBACK}:{free_port()}"
        self._ops = f"{LOOPBACK}:{free_port()}"
        self._command = [binary, "serve", "--listen", self.address, "--ops-listen", self._ops, *flags]
        self._process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        log = open(os.environ.get("TENTERHOOK_SERVER_LOG", os.devnull), "ab")
        self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        log.close()
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


class Proxy:
    """A TCP proxy that can drop, cut and mute its connections."""

    def __init__(self, target: str, fail: int) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._fail = fail
        self._down = False
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
            pair = [near, far]
            with self._lock:
                self._pairs.append(pair)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(pair, source, sink), daemon=True).start()

    def _pump(self, pair: list[socket.socket], source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
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


class Receiver:
    """Takes webhooks and remembers the last one of each key."""

    def __init__(self) -> None:
        self.seen: dict[str, dict] = {}
        self._lock = threading.Lock()

    def answer(self, path: str, headers: dict[str, str], body: str) -> int:
        parts = path.strip("/").split("/")
        with self._lock:
            entry = self.seen.setdefault(parts[-1], {"count": 0})
            entry["count"] += 1
            entry.update(headers=headers, body=body)
            if parts[0] == "fail":
                return 500 if entry["count"] <= int(parts[1]) else 204
            return int(parts[1]) if parts[0] == "status" else 204


class Harness:
    def __init__(self, binary: str) -> None:
        self._binary = binary
        self._folder = tempfile.TemporaryDirectory(prefix="tenterhook-conformance-")
        self.receiver = Receiver()
        self._proxies: dict[str, Proxy] = {}
        self._servers = {"main": Server(binary, "--dev", "--store", "memory:")}
        self._keys: dict[str, str] = {}

    @property
    def target(self) -> str:
        return self._servers["main"].address

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()
        self._folder.cleanup()

    def control(self, path: str, query: dict[str, str]) -> dict:
        match path.strip("/").split("/"):
            case ["received", key]:
                return self.receiver.seen.get(key, {"count": 0})
            case ["proxy", name, "new"]:
                target = self._servers[query.get("to", "main")].address
                proxy = self._proxies[name] = Proxy(target, int(query.get("fail", "0")))
                return {"proxy": proxy.address}
            case ["proxy", name, what]:
                self._proxies[name].act(what)
            case ["durable"]:
                if "durable" not in self._servers:
                    store = f"redb:{self._folder.name}/durable"
                    self._servers["durable"] = Server(self._binary, "--dev", "--store", store)
                return {"durable": self._servers["durable"].address}
            case ["sleep"]:
                time.sleep(int(query["ms"]) / 1000)
            case ["durable", "restart"]:
                self._servers["durable"].stop()
                self._servers["durable"].start()
            case ["keyed"]:
                if "keyed" not in self._servers:
                    self._start_keyed()
                return {"keyed": self._servers["keyed"].address, **self._keys}
            case _:
                raise KeyError(path)
        return {}

    def _start_keyed(self) -> None:
        keys = pathlib.Path(self._folder.name, "keys")
        lines = []
        for role in ("admin", "viewer", "publisher"):
            made = subprocess.run(
                [self._binary, "key", "new", "--role", role], capture_output=True, text=True, check=True
            )
            printed = made.stdout.strip().splitlines()
            self._keys[f"{role}_key"] = next(line for line in printed if line.startswith("th_"))
            lines.append(printed[-1])
        keys.write_text("\n".join(lines) + "\n")
        keys.chmod(0o600)
        flags = ["--store", "memory:", "--api-keys", str(keys), "--allow-network", "127.0.0.0/8"]
        self._servers["keyed"] = Server(self._binary, *flags)


def serve(answer) -> ThreadingHTTPServer:
    """An HTTP server whose answers are `answer(method, path, headers, body)`: status and text."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, text = answer(self.path, headers, body.decode("utf-8", "replace"))
            self.send_response(status)
            if status != 204:
                self.send_header("content-length", str(len(text)))
            self.end_headers()
            if status != 204:
                self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    harness = Harness(os.path.abspath(arguments.binary))
    receiver = serve(lambda *request: (harness.receiver.answer(*request), b""))
    variables = {
        "target": harness.target,
        "receiver": f"http://{LOOPBACK}:{receiver.server_port}",
    }

    def control(path: str, _headers: dict, _body: str) -> tuple[int, bytes]:
        url = urllib.parse.urlsplit(path)
        if url.path == "/":
            return 200, json.dumps(variables).encode()
        answer = harness.control(url.path, dict(urllib.parse.parse_qsl(url.query)))
        return 200, json.dumps(answer).encode()

    controller = serve(control)
    environment = {
        **os.environ,
        "TENTERHOOK_TARGET": harness.target,
        "TENTERHOOK_CONTROL": f"http://{LOOPBACK}:{controller.server_port}",
    }
    try:
        return subprocess.run(arguments.command, env=environment).returncode
    finally:
        harness.stop()


if __name__ == "__main__":
    sys.exit(main())
