"""How a client reaches its server: target, TLS, headers, channel options."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import grpc

from .policy import DEFAULT_TIMEOUT, RetryPolicy

_OPTIONS: Sequence[tuple[str, Any]] = (
    # A page of full deliveries may be larger than gRPC's default of 4 MiB.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # gRPC waits up to 120 s between connections unless told otherwise. The least is also the time that one
    # attempt may take.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 5000),
    # A connection that a firewall forgot is noticed while calls wait on it.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
# Makes a channel a connection of its own, instead of sharing one to the same address.
_ALONE = ("grpc.use_local_subchannel_pool", 1)


class Options(TypedDict, total=False):
    """Arguments of both clients beside target and key; see `Connection`."""

    namespace: str
    timeout: float
    retry: RetryPolicy
    ca: bytes | None
    client_cert: bytes | None
    client_key: bytes | None
    headers: Callable[[], Mapping[str, str]] | None
    options: Sequence[tuple[str, Any]]
    interceptors: Sequence[Any]


ApiKey = str | Callable[[], str]
"""A key, or a function that gives it for each call."""
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True)
class Connection:
    """Arguments that both clients take.

    `target` is `host:port`, or a URL such as `https://hooks.example.com`; TLS is used unless the
    host is this machine or the target begins with `http://`. `api_key` is a key, or a function that
    gives it for each call, such as `tenterhook.ApiKeyFile(path)`. `ca` is PEM to trust instead of the system's; `client_cert` and
    `client_key` are PEM for mTLS. `namespace` is used where a call names none. `headers` is
    called for each call and gives further metadata: the place for a tracer's `inject`. `interceptors`
    are gRPC's, of `grpc` or `grpc.aio` as the client is, for each try of every call, stream and watch.
    """

    target: str
    api_key: ApiKey | None = field(default=None, repr=False)
    namespace: str = ""
    timeout: float = DEFAULT_TIMEOUT
    retry: RetryPolicy = RetryPolicy()
    ca: bytes | None = None
    client_cert: bytes | None = None
    client_key: bytes | None = field(default=None, repr=False)
    headers: Callable[[], Mapping[str, str]] | None = None
    options: Sequence[tuple[str, Any]] = ()
    interceptors: Sequence[Any] = ()

    def __post_init__(self) -> None:
        _, host, _ = _parse(self.target)
        if self.api_key and not self._is_secure() and not _is_local(host):
            raise ValueError("an API key is not sent without TLS to another machine")

    def _is_secure(self) -> bool:
        scheme, host, _ = _parse(self.target)
        tls = self.ca or self.client_cert or scheme == "https" or not _is_local(host)
        return scheme != "http" and bool(tls)

    def open(self, api: Any) -> Any:
        """Makes a channel with a connection of its own: `api` is `grpc` or `grpc.aio`."""
        _, host, address = _parse(self.target)
        # gRPC would ask the proxy of `http_proxy` for a server on this machine too.
        direct = [("grpc.enable_http_proxy", 0)] if _is_local(host) else []
        arguments: dict[str, Any] = {"options": [*_OPTIONS, _ALONE, *direct, *self.options]}
        if api is not grpc:
            arguments["interceptors"] = [*self.interceptors]
        if self._is_secure():
            credentials = grpc.ssl_channel_credentials(self.ca, self.client_key, self.client_cert)
            channel = api.secure_channel(address, credentials, **arguments)
        else:
            channel = api.insecure_channel(address, **arguments)
        return grpc.intercept_channel(channel, *self.interceptors) if api is grpc and self.interceptors else channel

    def metadata(self) -> list[tuple[str, str]]:
        """The metadata of one call."""
        key = self.api_key() if callable(self.api_key) else self.api_key
        # A key that was read from a file or a variable often ends a line.
        key = key.strip() if key else None
        pairs = [("authorization", f"Bearer {key}")] if key else []
        if self.headers is not None:
            pairs += [(name.lower(), value) for name, value in self.headers().items()]
        return pairs


def _parse(target: str) -> tuple[str, str, str]:
    scheme, separator, address = target.rpartition("://")
    if separator and scheme not in ("http", "https"):
        raise ValueError(f"the target {target!r} has a scheme other than http and https")
    address = address.rstrip("/")
    if scheme and not re.search(r":\d+$", address):
        address = f"{address}:{_DEFAULT_PORTS[scheme]}"
    host, _, port = address.rpartition(":")
    is_bare = ":" in host and not host.startswith("[")
    if not re.fullmatch(r"[^\s/?#@]+", host) or is_bare or not port.isdigit():
        raise ValueError(f"the target {target!r} is not host:port")
    return scheme, host.strip("[]"), address


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
