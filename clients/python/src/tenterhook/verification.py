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

from ._ed25519 import is_signed

TOLERANCE = 300
"""Seconds that a Standard Webhooks timestamp may be away from the receiver's clock."""

_PREFIX = "whsec_"
_PUBLIC_PREFIX = "whpk_"
_SECRET = re.compile("([A-Za-z0-9+/]*)={0,2}")


class Scheme(enum.Enum):
    """How requests are signed; what the webhook's `signing.schemes` says."""

    NETBOX = "NETBOX"
    """`X-Hook-Signature`: hex HMAC-SHA512 of the body. Does not protect from replays."""
    STANDARD_WEBHOOKS = "STANDARD_WEBHOOKS"
    """`webhook-id`, `webhook-timestamp`, `webhook-signature`; with a public key (`whpk_…`) among the secrets
    also what STANDARD_WEBHOOKS_ASYMMETRIC signs."""
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
    """Returns if one of `secrets`, secrets or public keys, signed the request, and raises `InvalidSignature` if not, or
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
    content = bytes_of(body)
    publics, keys = _keys(scheme, [secrets] if isinstance(secrets, str) else secrets)
    lower = lower_case(headers)
    if scheme is Scheme.STANDARD_WEBHOOKS:
        moment = time.time() if now is None else now
        content, signatures = _standard_webhooks(lower, content, moment, tolerance)
        if _is_signed_by_any(publics, content, signatures):
            return lower
        given = [signature[3:] for signature in signatures if signature.startswith("v1,")]
    elif scheme is Scheme.NETBOX:
        given = [require(lower, "x-hook-signature")]
    else:
        given = [require(lower, "x-hub-signature-256")]
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
    if _is_public(scheme, secret):
        raise Misconfigured("a public key signs nothing; sign tests with a secret (whsec_…)")
    key = _key(scheme, secret)
    if scheme is Scheme.NETBOX:
        return {"x-hook-signature": _signature(scheme, key, content)}
    if scheme is Scheme.GITHUB:
        return {"x-hub-signature-256": _signature(scheme, key, content)}
    timestamp = str(int(time.time() if now is None else now))
    signature = _signature(scheme, key, f"{id}.{timestamp}.".encode() + content)
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def bytes_of(body: object) -> bytes:
    """The body, if nothing has parsed it."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise Misconfigured(
        f"the body is a {type(body).__name__}, not bytes: pass it as it arrived, before anything parses it"
    )


def lower_case(headers: Headers) -> dict[str, str]:
    """The headers by their names in lower case."""
    return {_text(name).lower(): _text(value) for name, value in headers.items()}


def _text(value: str | bytes) -> str:
    """ASGI has headers as bytes, in Latin-1."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def require(headers: Mapping[str, str], name: str) -> str:
    """The value of a header that must be there."""
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
    """What is signed, and the signatures that were given, each with its version."""
    message_id = require(headers, "webhook-id")
    timestamp = require(headers, "webhook-timestamp")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise InvalidSignature("webhook-timestamp is not a number of seconds")
    if abs(now - int(timestamp)) > tolerance:
        raise InvalidSignature("webhook-timestamp is too far from the receiver's clock")
    signatures = require(headers, "webhook-signature").split(" ")
    return f"{message_id}.{timestamp}.".encode() + body, signatures


def _is_signed_by_any(publics: list[bytes], content: bytes, signatures: list[str]) -> bool:
    for text in signatures:
        try:
            signature = base64.b64decode(text[4:], validate=True) if text.startswith("v1a,") else b""
        except ValueError:
            continue
        if base64.b64encode(signature).decode() != text[4:]:
            continue  # bits after the last byte, which the decoder ignores
        if any(is_signed(public, content, signature) for public in publics):
            return True
    return False


def _is_public(scheme: Scheme, secret: str) -> bool:
    is_text = isinstance(secret, str)
    return scheme is Scheme.STANDARD_WEBHOOKS and is_text and secret.strip(" \t\r\n").startswith(_PUBLIC_PREFIX)


def _keys(scheme: Scheme, secrets: Iterable[str]) -> tuple[list[bytes], list[bytes]]:
    """The public keys among the secrets, and the keys of the others."""
    publics: list[bytes] = []
    keys: list[bytes] = []
    for secret in secrets:
        if _is_public(scheme, secret):
            publics.append(_public(secret))
        else:
            keys.append(_key(scheme, secret))
    if not publics and not keys:
        raise Misconfigured("no secret is given")
    return publics, keys


def _public(secret: str) -> bytes:
    match = _SECRET.fullmatch(secret.strip(" \t\r\n").removeprefix(_PUBLIC_PREFIX))
    key = b""
    if match is not None and len(match[1]) % 4 != 1:
        key = base64.b64decode(match[1] + "=" * (-len(match[1]) % 4))
    if len(key) != 32:
        raise Misconfigured("a public key is not base64 of 32 bytes, as those of Standard Webhooks are (whpk_…)")
    return key


def _key(scheme: Scheme, secret: str) -> bytes:
    """The key of a secret. Of a Standard Webhooks secret, blanks and line ends around it do not count, and the
    prefix and the padding may be missing; any other is taken as it is."""
    if not isinstance(secret, str):
        raise Misconfigured(f"a secret is a {type(secret).__name__}, not a str")
    if not secret:
        raise Misconfigured("a secret is empty")
    if scheme is not Scheme.STANDARD_WEBHOOKS:
        return secret.encode()
    return base64_key(secret)


def base64_key(secret: str) -> bytes:
    """The key of a secret in base64: what stands around it, its prefix and its padding do not count."""
    match = _SECRET.fullmatch(secret.strip(" \t\r\n").removeprefix(_PREFIX))
    if match is None or len(match[1]) % 4 == 1:
        raise Misconfigured("a secret is not base64, as the secrets of Standard Webhooks are (whsec_…)")
    if not match[1]:
        raise Misconfigured("a secret is empty")
    return base64.b64decode(match[1] + "=" * (-len(match[1]) % 4))
