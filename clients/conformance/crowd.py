"""Takes every stream that a server has: watches over bare HTTP/2 (RFC 9113), read by nobody."""

from __future__ import annotations

import socket
import struct
import threading

# Of crates/api/src/server.rs: streams of one connection, and of the server.
PER_CONNECTION = 256
STREAMS = 4_096

_DATA, _HEADERS, _SETTINGS, _PING = 0, 1, 4, 6
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_NO_MESSAGE = b"\0\0\0\0\0"  # a gRPC frame with a request in which nothing is set


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _headers(address: str) -> bytes:
    """The header block of a watch, as literals without indexing (RFC 7541 section 6.2.2)."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/tenterhook.v1.DeliveryService/WatchDeliveries",
        ":authority": address,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(b"\0" + _literal(name) + _literal(value) for name, value in fields.items())


class Crowd:
    """Holds its watches until the process ends; made when all are open."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._open = threading.Semaphore(0)
        for _ in range(STREAMS // PER_CONNECTION):
            connection = socket.create_connection((host, int(port)))
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0))
            for stream in range(1, 2 * PER_CONNECTION, 2):
                asked = _frame(_HEADERS, _END_HEADERS, stream, _headers(address))
                connection.sendall(asked + _frame(_DATA, _END_STREAM, stream, _NO_MESSAGE))
            threading.Thread(target=self._stay, args=(connection,), daemon=True).start()
        for _ in range(STREAMS):
            if not self._open.acquire(timeout=10):
                raise SystemExit("the crowd does not get in")

    def _stay(self, connection: socket.socket) -> None:
        """Counts the answers, and tells the server whenever it asks that this end is alive."""
        with connection, connection.makefile("rb") as incoming:
            while head := incoming.read(9):
                kind, flags, _ = struct.unpack(">BBI", head[3:])
                payload = incoming.read(int.from_bytes(head[:3], "big"))
                if kind == _HEADERS:
                    self._open.release()
                elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                    connection.sendall(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
