#!/usr/bin/env python3
"""Runs a command against a real server: `harness.py --binary PATH -- COMMAND …`; see README.md."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from certificates import CLIENT_NAME, SERVER_NAMES, Authority
from crowd import Crowd
from proxy import Proxy
from server import LOOPBACK, PAGE, Server


# Time for what a client has sent to reach a server before that is told to stop.
ON_ITS_WAY_SECONDS = 0.3


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
    """Starts what scenarios ask for, at the first time that one does."""

    def __init__(self, binary: str) -> None:
        self._binary = binary
        self._temporary = tempfile.TemporaryDirectory(prefix="tenterhook-conformance-")
        self._folder = pathlib.Path(self._temporary.name)
        self.receiver = Receiver()
        self._proxies: dict[str, Proxy] = {}
        self._servers: dict[str, Server] = {}
        self._told: dict[str, dict[str, str]] = {}
        self._crowd: Crowd | None = None
        self.target = self._server("main", "--dev", "--store", "memory:").address

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()
        self._temporary.cleanup()

    def control(self, path: str, query: dict[str, str]) -> dict:
        match path.strip("/").split("/"):
            case ["received", key]:
                return self.receiver.seen.get(key, {"count": 0})
            case ["proxy", name, "new"]:
                target = self._servers[query.get("to", "main")].address
                proxy = self._proxies[name] = Proxy(target, int(query.get("fail", "0")))
                return {"proxy": proxy.address}
            case ["proxy", name, "connections"]:
                return {"connections": self._proxies[name].connections}
            case ["proxy", name, what]:
                self._proxies[name].act(what)
            case ["sleep"]:
                time.sleep(int(query["ms"]) / 1000)
            case ["filler"]:
                return {"filler": "x" * int(query["bytes"])}
            case ["durable"]:
                return {"durable": self._durable("durable").address}
            case ["forgetful"]:
                return {"forgetful": self._durable("forgetful", "--retention", "1s").address}
            case ["durable" | "forgetful" as name, "restart"]:
                self._servers[name].stop()
                self._servers[name].start()
            case ["durable", "kill"]:
                self._servers["durable"].kill()
                self._servers["durable"].start()
            case ["full"]:
                server = self._durable("full")
                server.fill(self._folder / "full")
                return {"full": server.address}
            case ["crowded"]:
                server = self._server("crowded", "--dev", "--store", "memory:")
                self._crowd = self._crowd or Crowd(server.address)
                return {"crowded": server.address}
            case ["brief", name]:
                return {"brief": self._server(name, "--dev", "--store", "memory:").address}
            case ["brief", name, "stop"]:
                time.sleep(ON_ITS_WAY_SECONDS)
                self._servers.pop(name).stop()
            case ["keyed"]:
                return self._once("keyed", self._start_keyed)
            case ["tls"]:
                return self._once("tls", self._start_tls)
            case _:
                raise KeyError(path)
        return {}

    def _once(self, name: str, start: Callable[[], dict[str, str]]) -> dict[str, str]:
        if name not in self._told:
            self._told[name] = start()
        return self._told[name]

    def _server(self, name: str, *flags: str) -> Server:
        if name not in self._servers:
            self._servers[name] = Server(self._binary, *flags)
        return self._servers[name]

    def _durable(self, name: str, *flags: str) -> Server:
        return self._server(name, "--dev", "--store", f"redb:{self._folder / name}", *flags)

    def _start_keyed(self) -> dict[str, str]:
        told, lines = {}, []
        for role in ("admin", "viewer", "publisher"):
            told[f"{role}_key"], line = self._new_key(role)
            lines.append(line)
        flags = ["--store", "memory:", "--allow-network", "127.0.0.0/8"]
        return {"keyed": self._server("keyed", *flags, "--api-keys", self._key_file("keys", lines)).address, **told}

    def _start_tls(self) -> dict[str, str]:
        """A server with a certificate, that knows clients by theirs."""
        ours, others = Authority(self._folder, "ca"), Authority(self._folder, "other-ca")
        certificate, key = ours.issue("server", SERVER_NAMES)
        client_names = f"DNS:{CLIENT_NAME}"
        api_key, line = self._new_key("publisher")
        keys = self._key_file("tls-keys", [line, f"san:{CLIENT_NAME} publisher *"])
        flags = ["--tls-cert", certificate, "--tls-key", key, "--client-ca", ours.certificate, "--api-keys", keys]
        server = self._server("tls", "--store", "memory:", *map(str, flags))
        files = {
            "ca": ours.certificate,
            "otherca": others.certificate,
            **dict(zip(("cert", "certkey"), ours.issue("client", client_names))),
            **dict(zip(("othercert", "othercertkey"), others.issue("other-client", client_names))),
        }
        pem = {name: path.read_text() for name, path in files.items()}
        return {"tls": server.address, "tls_key": api_key, **pem}

    def _new_key(self, role: str) -> tuple[str, str]:
        """An API key, and its line in a key file."""
        command = [self._binary, "key", "new", "--role", role]
        made = subprocess.run(command, capture_output=True, text=True, check=True)
        return next(line for line in made.stderr.splitlines() if line.startswith("th_")), made.stdout.strip()

    def _key_file(self, name: str, lines: list[str]) -> str:
        path = self._folder / name
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        return str(path)


def serve(answer) -> ThreadingHTTPServer:
    """An HTTP server whose answers are `answer(method, path, headers, body)`: status and text."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # What it cannot read is refused in HTTP/1.1 too.
        default_request_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, text = answer(self.path, headers, body.decode("utf-8", "replace"))
            self.send_response(status)
            if status != 204:
                self.send_header("content-length", str(len(text)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who asked may be gone
                self.wfile.write(b"" if status == 204 else text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def finish(self) -> None:
            """Reads what is left before it closes: a reset could overtake the answer."""
            super().finish()
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)
                self.connection.settimeout(1)
                while self.connection.recv(65_536):
                    pass

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
        "TENTERHOOK_PAGE": PAGE,
        # Nobody is there: what is on this machine is not asked for through it. The other variables would send the
        # package managers there too.
        "grpc_proxy": f"http://{LOOPBACK}:1",
        # For the test kits of the clients.
        "TENTERHOOK_BIN": os.path.abspath(arguments.binary),
    }
    try:
        return subprocess.run(arguments.command, env=environment).returncode
    finally:
        harness.stop()


if __name__ == "__main__":
    sys.exit(main())
