"""Verifies the headers that `signing.custom` of a webhook describes: for receivers that keep another system's header.

Nothing here needs gRPC.
"""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .verification import TOLERANCE, Headers, InvalidSignature, Misconfigured, base64_key, bytes_of, lower_case, require

_DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256", "HMAC_SHA512": "sha512"}
_IN_CONTENT = ("id", "timestamp", "method", "path", "body")
_IN_VALUE = ("id", "timestamp", "method", "signature")
_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True)
class CustomSignature:
    """A header, described by the same fields as in `signing.custom` of the webhook.

    Describe also a header that holds only the time or the id, when another one signs it. Two places of `value` need
    something between them.
    """

    header: str
    algorithm: Literal["HMAC_SHA1", "HMAC_SHA256", "HMAC_SHA512"] = "HMAC_SHA256"
    encoding: Literal["HEX", "BASE64"] = "HEX"
    """How the header writes the signature."""
    key_encoding: Literal["TEXT", "HEX", "BASE64"] = "TEXT"
    """How a secret holds the key; a secret of TEXT is the key."""
    content: str = "{{body}}"
    """What is signed, with `{{id}}`, `{{timestamp}}`, `{{method}}`, `{{path}}` and `{{body}}`."""
    value: str = "{{signature}}"
    """What the header says, with `{{id}}`, `{{timestamp}}`, `{{method}}` and `{{signature}}`."""


def verify_custom(
    headers: Headers,
    body: bytes,
    secrets: str | Iterable[str],
    signatures: CustomSignature | Sequence[CustomSignature],
    now: float | None = None,
    *,
    method: str = "POST",
    path: str | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """Returns if every described header is right, each signature by one of `secrets`, and raises `InvalidSignature` if
    not, or `Misconfigured` if the receiver itself is wrong.

    `path` is that of the request with its query; only `{{path}}` needs it. A time that a header gives may be
    `tolerance` seconds away from `now`, the receiver's clock in Unix seconds; None reads it.
    """
    described = [signatures] if isinstance(signatures, CustomSignature) else list(signatures)
    checks = [_Check(one) for one in described]
    keys = [one.keys([secrets] if isinstance(secrets, str) else list(secrets)) for one in checks]
    _require_sources(checks, path)
    content = bytes_of(body)
    lower = lower_case(headers)
    read: dict[str, str] = {"method": method}
    given = [one.read(lower, read) for one in checks]
    if "timestamp" in read:
        _require_time(read["timestamp"], time.time() if now is None else now, tolerance)
    parts = {name: value.encode() for name, value in read.items()} | {"path": (path or "").encode(), "body": content}
    matches = [one.matches(parts, signature, secret) for one, signature, secret in zip(checks, given, keys)]
    if not all(matches):
        raise InvalidSignature("no signature matches: the secret is another, or the body was changed")


class _Check:
    """A description, read."""

    def __init__(self, described: CustomSignature) -> None:
        if not described.header:
            raise Misconfigured("a custom signature names no header")
        _require_known("algorithm", described.algorithm, _DIGESTS)
        _require_known("encoding", described.encoding, ("HEX", "BASE64"))
        _require_known("key_encoding", described.key_encoding, ("TEXT", "HEX", "BASE64"))
        self.described = described
        self.name = described.header.lower()
        self.content = _pieces(described.content or "{{body}}", _IN_CONTENT, f"content of {described.header}")
        self.value = _pieces(described.value or "{{signature}}", _IN_VALUE, f"value of {described.header}")
        self.signs = "signature" in self.value[1::2]
        if any(piece == "" for piece in self.value[2:-1:2]):
            raise Misconfigured(f"value of {described.header}: two places need something between them")

    def keys(self, secrets: list[str]) -> list[bytes]:
        if not secrets:
            raise Misconfigured("no secret is given")
        return [_key(secret, self.described.key_encoding) for secret in secrets]

    def read(self, headers: Mapping[str, str], read: dict[str, str]) -> str:
        """Adds what the header says to `read`, and returns its signature."""
        mine: dict[str, str] = {}
        for name, said in zip(self.value[1::2], self._split(require(headers, self.name))):
            if (mine if name == "signature" else read).setdefault(name, said) != said:
                raise InvalidSignature(f"the header {self.name} has another {name} than the request")
        return mine.get("signature", "")

    def _split(self, text: str) -> list[str]:
        """What stands at the places of the value: each ends where the literal after it first stands, the last one at the end.
        It takes time in proportion to the text, whoever wrote it."""
        first, *literals = self.value[::2]
        said: list[str] = []
        fits = text.startswith(first)
        rest = text[len(first):]
        for literal in literals[:-1]:
            before, found, rest = rest.partition(literal)
            fits = fits and found != ""
            said.append(before)
        if literals:
            fits = fits and rest.endswith(literals[-1])
            said.append(rest[: len(rest) - len(literals[-1])])
        elif rest:
            fits = False
        if not fits:
            raise InvalidSignature(f"the header {self.name} is not written as its value is described")
        return said

    def matches(self, parts: Mapping[str, bytes], given: str, keys: list[bytes]) -> bool:
        if not self.signs:
            return True
        content = b"".join(parts[piece] if index % 2 else piece.encode() for index, piece in enumerate(self.content))
        results = [hmac.compare_digest(self._sign(key, content).encode(), given.encode()) for key in keys]
        return any(results)

    def _sign(self, key: bytes, content: bytes) -> str:
        digest = hmac.digest(key, content, _DIGESTS[self.described.algorithm])
        return digest.hex() if self.described.encoding == "HEX" else base64.b64encode(digest).decode()


def _require_known(field: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise Misconfigured(f"{field} of a custom signature must be one of {', '.join(known)}")


def _pieces(text: str, known: Sequence[str], where: str) -> list[str]:
    """The literals of a text, with the names of its places between them."""
    pieces = _PLACE.split(text)
    pieces[1::2] = [name.strip() for name in pieces[1::2]]
    if not all(name in known for name in pieces[1::2]) or any("{{" in literal for literal in pieces[::2]):
        names = ", ".join(f"{{{{{name}}}}}" for name in known)
        raise Misconfigured(f"{where}: a place is unknown or does not end; it may have {names}")
    return pieces


def _require_sources(checks: list[_Check], path: str | None) -> None:
    """Whether all that is signed can be had."""
    if not any(one.signs for one in checks):
        raise Misconfigured("no custom signature has {{signature}} in its value")
    read = {name for one in checks for name in one.value[1::2]}
    for one in checks:
        if not one.signs:
            continue
        for name in ("id", "timestamp"):
            if name in one.content[1::2] and name not in read:
                raise Misconfigured(
                    f"content of {one.described.header} has {{{{{name}}}}}: describe the header that holds it too"
                )
        if "path" in one.content[1::2] and path is None:
            raise Misconfigured(f"content of {one.described.header} has {{{{path}}}}: give the path of the request")


def _require_time(timestamp: str, now: float, tolerance: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise InvalidSignature("the timestamp is not a number of seconds")
    if abs(now - int(timestamp)) > tolerance:
        raise InvalidSignature("the timestamp is too far from the receiver's clock")


def _key(secret: str, encoding: str) -> bytes:
    if not isinstance(secret, str):
        raise Misconfigured(f"a secret is a {type(secret).__name__}, not a str")
    if encoding == "BASE64":
        return base64_key(secret)
    if encoding == "TEXT":
        key = secret.encode()
    elif re.fullmatch("([0-9A-Fa-f]{2})*", secret):
        key = bytes.fromhex(secret)
    else:
        raise Misconfigured("a secret is not hexadecimal, as its key_encoding says")
    if not key:
        raise Misconfigured("a secret is empty")
    return key
