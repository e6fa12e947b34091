"""Checks that a request came from Tenterhook and was not changed: for receivers.

Give `verify` the body as it arrived, before anything parses it: signatures cover bytes. Nothing
here needs gRPC.
"""

from __future__ import annotations

import base64
import enum
import hmac
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

TOLERANCE = 300
"""Seconds that a Standard Webhooks timestamp may be away from the receiver's clock."""

_PREFIX = "whsec_"
_SECRET = re.compile("([A-Za-z0-9+/]*)={0,2}")


class Scheme(enum.Enum):
    """How requests are signed; what the webhook's `signing.schemes` says."""

    NETBOX = "NETBOX"
    """`X-Hook-Signature`: hex HMAC-SHA512 of the body. Does not protect from replays."""
    STANDARD_WEBHOOKS = "STANDARD_WEBHOOKS"
    """`webhook-id`, `webhook-timestamp`, `webhook-signature`."""
    GITHUB = "GITHUB"
    """`X-Hub-Signature-256`: hex HMAC-SHA256 of the body. Does not protect from replays."""


class InvalidSignature(Exception):
    """The request must not be trusted: answer 401. The text says why, and holds no secret."""


class Misconfigured(Exception):
    """The receiver itself is wrong, whoever sent the request: a secret that is empty or not base64, a body that
    was parsed before. Answer 500 and fix it; the text says how, and holds no secret."""


class Headers(Protocol):
    """The headers of whatever web framework: anything with `items`."""

    def items(self) -> Iterable[tuple[Any, Any]]: ...


def verify(
    headers: Headers,
    body: bytes,
    secrets: str | Iterable[str],
    now: float | None = None,
    *,
    scheme: Scheme = Scheme.STANDARD_WEBHOOKS,
    tolerance: float = TOLERANCE,
) -> None:
    """Returns if one of `secrets` signed the request, and raises `InvalidSignature` if not, or
    `Misconfigured` if the receiver itself is wrong.

    Header names have no case. `now` is the receiver's clock in Unix seconds; None reads it.
    """
    check(headers, body, secrets, now, scheme=scheme, tolerance=tolerance)


def check(
    headers: Headers,
    body: bytes,
    secrets: str | Iterable[str],
    now: float | None,
    *,
    scheme: Scheme,
    tolerance: float,
) -> dict[str, str]:
    """Verifies, and returns the headers by their names in lower case."""
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise Misconfigured(
            f"the body is a {type(body).__name__}, not bytes: pass it as it arrived, before anything parses it"
        )
    keys = [_key(scheme, secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise Misconfigured("no secret is given")
    lower = {_text(name).lower(): _text(value) for name, value in headers.items()}
    if scheme is Scheme.STANDARD_WEBHOOKS:
        moment = time.time() if now is None else now
        content, given = _standard_webhooks(lower, bytes(body), moment, tolerance)
    elif scheme is Scheme.NETBOX:
        content, given = bytes(body), [_header(lower, "x-hook-signature")]
    else:
        content, given = bytes(body), [_header(lower, "x-hub-signature-256")]
    wanted = [_signature(scheme, key, content) for key in keys]
    matches = [
        hmac.compare_digest(one.encode(), other.encode()) for one in wanted for other in given
    ]
    if not any(matches):
        raise InvalidSignature("no signature matches: the secret is another, or the body was changed")
    return lower


def sign_for_test(
    body: bytes | str,
    secret: str,
    now: float | None = None,
    *,
    id: str = "msg_test",
    scheme: Scheme = Scheme.STANDARD_WEBHOOKS,
) -> dict[str, str]:
    """The headers that a delivery of `body` has, for tests of a receiver. `id` is its `webhook-id`."""
    content = body.encode() if isinstance(body, str) else body
    key = _key(scheme, secret)
    if scheme is Scheme.NETBOX:
        return {"x-hook-signature": _signature(scheme, key, content)}
    if scheme is Scheme.GITHUB:
        return {"x-hub-signature-256": _signature(scheme, key, content)}
    timestamp = str(int(time.time() if now is None else now))
    signature = _signature(scheme, key, f"{id}.{timestamp}.".encode() + content)
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def _text(value: str | bytes) -> str:
    """ASGI has headers as bytes, in Latin-1."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise InvalidSignature(f"the header {name} is missing")
    return value


def _signature(scheme: Scheme, key: bytes, content: bytes) -> str:
    if scheme is Scheme.NETBOX:
        return hmac.digest(key, content, "sha512").hex()
    digest = hmac.digest(key, content, "sha256")
    return f"sha256={digest.hex()}" if scheme is Scheme.GITHUB else base64.b64encode(digest).decode()


def _standard_webhooks(
    headers: Mapping[str, str], body: bytes, now: float, tolerance: float
) -> tuple[bytes, list[str]]:
    """What is signed, and the signatures that were given."""
    message_id = _header(headers, "webhook-id")
    timestamp = _header(headers, "webhook-timestamp")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise InvalidSignature("webhook-timestamp is not a number of seconds")
    if abs(now - int(timestamp)) > tolerance:
        raise InvalidSignature("webhook-timestamp is too far from the receiver's clock")
    signatures = _header(headers, "webhook-signature").split(" ")
    given = [signature[3:] for signature in signatures if signature.startswith("v1,")]
    return f"{message_id}.{timestamp}.".encode() + body, given


def _key(scheme: Scheme, secret: str) -> bytes:
    """The key of a secret. Of a Standard Webhooks secret, blanks and line ends around it do not count, and the
    prefix and the padding may be missing; any other is taken as it is."""
    if not isinstance(secret, str):
        raise Misconfigured(f"a secret is a {type(secret).__name__}, not a str")
    if not secret:
        raise Misconfigured("a secret is empty")
    if scheme is not Scheme.STANDARD_WEBHOOKS:
        return secret.encode()
    match = _SECRET.fullmatch(secret.strip(" \t\r\n").removeprefix(_PREFIX))
    if match is None or len(match[1]) % 4 == 1:
        raise Misconfigured("a secret is not base64, as the secrets of Standard Webhooks are (whsec_…)")
    if not match[1]:
        raise Misconfigured("a secret is empty")
    return base64.b64decode(match[1] + "=" * (-len(match[1]) % 4))
