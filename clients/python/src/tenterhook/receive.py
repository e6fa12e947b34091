"""Reads deliveries: for receivers. Nothing here needs gRPC.

`parse` verifies a request and gives its event. `Receiver` decides over whole requests; `tenterhook.flask`,
`tenterhook.fastapi` and `tenterhook.django` put it into those frameworks.
"""

from __future__ import annotations

import collections
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .verification import TOLERANCE, Headers, InvalidSignature, Misconfigured, Scheme, check

BODY_MAX_BYTES = 1024 * 1024
"""The largest body that the server sends."""
_log = logging.getLogger("tenterhook.receive")


@dataclass(frozen=True)
class WebhookEvent:
    """An event as it was delivered by a webhook without a body template.

    `id` is the event's, and the same at each delivery of it; empty for the schemes that send none. `model` is
    the last part of the object type, such as `site`. What the event has not is None.
    """

    id: str
    type: str
    time: datetime
    model: str | None
    username: str | None
    request_id: str | None
    data: Any
    prechange: Any
    """The object before the change; None when it was created."""
    postchange: Any
    """The object after the change; None when it was deleted."""
    raw: bytes = field(repr=False)
    """The body as it arrived."""


def parse(
    headers: Headers,
    body: bytes,
    secrets: str | Iterable[str],
    now: float | None = None,
    *,
    scheme: Scheme = Scheme.STANDARD_WEBHOOKS,
    tolerance: float = TOLERANCE,
) -> WebhookEvent:
    """Verifies a request, as `verify` does, and gives its event.

    Raises `InvalidSignature` for a request that must not be trusted, and `Misconfigured` when the receiver is
    wrong, or when the webhook has a body template: such a body only its receiver can read, after `verify`.
    """
    lower = check(headers, body, secrets, now, scheme=scheme, tolerance=tolerance)
    message_id = lower["webhook-id"] if scheme is Scheme.STANDARD_WEBHOOKS else ""
    return _read(message_id, bytes(body))


def _read(message_id: str, body: bytes) -> WebhookEvent:
    try:
        fields = json.loads(body)
        snapshots = fields.get("snapshots") or {}
        # Python reads a time with `Z` since 3.11 only; the server writes an offset.
        time = datetime.fromisoformat(fields["timestamp"])
        return WebhookEvent(
            message_id, fields["event"], time, fields.get("model"), fields.get("username"), fields.get("request_id"),
            fields.get("data"), snapshots.get("prechange"), snapshots.get("postchange"), body,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Misconfigured(
            "the body is signed but is no event: the webhook has a body template; use verify and read the body"
        ) from None


class Seen(Protocol):
    """Remembers which deliveries were handled. A shared one, in a database, is for several processes."""

    def has(self, id: str) -> bool:
        """Whether the event with this id was handled."""
        ...

    def add(self, id: str) -> None:
        """Notes that it was."""
        ...


class RecentIds:
    """The ids of the last `limit` events, in memory."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._ids: collections.OrderedDict[str, None] = collections.OrderedDict()

    def has(self, id: str) -> bool:
        return id in self._ids

    def add(self, id: str) -> None:
        self._ids[id] = None
        while len(self._ids) > self._limit:
            self._ids.popitem(last=False)


class Refused(Exception):
    """A request that is not handled: `status` is the response's, 204 for an event that was handled before."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Receiver:
    """Decides over requests. `secrets` are all that are live while keys are rotated."""

    def __init__(
        self,
        secrets: str | Iterable[str],
        *,
        scheme: Scheme = Scheme.STANDARD_WEBHOOKS,
        tolerance: float = TOLERANCE,
        max_bytes: int = BODY_MAX_BYTES,
        seen: Seen | None = None,
    ) -> None:
        self._secrets = [secrets] if isinstance(secrets, str) else list(secrets)
        self._scheme = scheme
        self._tolerance = tolerance
        self.max_bytes = max_bytes
        self._seen: Seen = RecentIds() if seen is None else seen

    def accept(self, headers: Headers, body: bytes) -> WebhookEvent:
        """The event of a request; `Refused` if there is none to handle. Call `done` when it was handled.

        A wrong secret of the receiver is logged, and refused with 500, so that the server tries again.
        """
        if len(body) > self.max_bytes:
            raise Refused(413, f"the body is over {self.max_bytes} bytes")
        try:
            event = parse(headers, body, self._secrets, scheme=self._scheme, tolerance=self._tolerance)
        except InvalidSignature as error:
            _log.warning("refused a request: %s", error)
            raise Refused(401, str(error)) from error
        except Misconfigured as error:
            _log.error("cannot receive: %s", error)
            raise Refused(500, "the receiver is misconfigured; its log says how") from error
        if event.id and self._seen.has(event.id):
            raise Refused(204, "was handled before")
        return event

    def done(self, event: WebhookEvent) -> None:
        """Notes that the event was handled. One that failed is not noted: it comes again."""
        if event.id:
            self._seen.add(event.id)
