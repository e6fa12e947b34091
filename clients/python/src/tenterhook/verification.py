"""Checks that a request came from Tenterhook and was not changed: for receivers.

Give `verify` the body as it arrived, before anything parses it: signatures cover bytes.
"""

from __future__ import annotations

import base64
import enum
import hmac
import re
import time
from collections.abc import Iterable, Mapping
from typing import Protocol

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
    """The request must not be trusted; the text says why, and tells no secret."""


class Headers(Protocol):
    """The headers of whatever web framework: anything with `items`."""

    def items(self) -> Iterable[tuple[str, str]]: ...


def verify(
    headers: Headers,
    body: bytes,
    secrets: str | Iterable[str],
    now: float | None = None,
    *,
    scheme: Scheme = Scheme.STANDARD_WEBHOOKS,
    tolerance: float = TOLERANCE,
) -> None:
    """Returns if one of `secrets` signed the request, and raises `InvalidSignature` if not.

    Header names have no case. `now` is the receiver's clock in Unix seconds; None reads it.
    """
    secrets = [secrets] if isinstance(secrets, str) else list(secrets)
    if not secrets or not all(secrets):
        raise InvalidSignature("an empty secret verifies nothing")
    lower = {name.lower(): value for name, value in headers.items()}
    if scheme is Scheme.STANDARD_WEBHOOKS:
        moment = time.time() if now is None else now
        wanted, given = _standard_webhooks(lower, body, secrets, moment, tolerance)
    elif scheme is Scheme.NETBOX:
        given = [_header(lower, "x-hook-signature")]
        wanted = [_hex(secret, body, "sha512") for secret in secrets]
    else:
        given = [_header(lower, "x-hub-signature-256")]
        wanted = ["sha256=" + _hex(secret, body, "sha256") for secret in secrets]
    matches = [
        hmac.compare_digest(one.encode(), other.encode()) for one in wanted for other in given
    ]
    if not any(matches):
        raise InvalidSignature("no signature matches")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise InvalidSignature(f"the header {name} is missing")
    return value


def _hex(secret: str, body: bytes, algorithm: str) -> str:
    return hmac.digest(secret.encode(), body, algorithm).hex()


def _standard_webhooks(
    headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: float, tolerance: float
) -> tuple[list[str], list[str]]:
    """The signatures that are right, and those that were given."""
    message_id = _header(headers, "webhook-id")
    timestamp = _header(headers, "webhook-timestamp")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise InvalidSignature("webhook-timestamp is not a number of seconds")
    if abs(now - int(timestamp)) > tolerance:
        raise InvalidSignature("webhook-timestamp is too far from the receiver's clock")
    content = f"{message_id}.{timestamp}.".encode() + body
    wanted = [
        base64.b64encode(hmac.digest(_key(secret), content, "sha256")).decode()
        for secret in secrets
    ]
    signatures = _header(headers, "webhook-signature").split(" ")
    given = [signature[3:] for signature in signatures if signature.startswith("v1,")]
    return wanted, given


def _key(secret: str) -> bytes:
    """Reads a Standard Webhooks secret.

    Blanks and line ends around it do not count, the prefix and the padding may be missing.
    """
    match = _SECRET.fullmatch(secret.strip(" \t\r\n").removeprefix(_PREFIX))
    if match is None or len(match[1]) % 4 == 1:
        raise InvalidSignature("a secret is not base64")
    if not match[1]:
        raise InvalidSignature("an empty secret verifies nothing")
    return base64.b64decode(match[1] + "=" * (-len(match[1]) % 4))
