"""What streams yield, and how a stream's messages are read; shared by both clients."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .checkpoint import Checkpoint
from .errors import TenterhookError, from_publish_error
from .messages import build
from .policy import RetryPolicy, ends_watch
from .v1.delivery_pb2 import DeliveryFilter
from .v1.delivery_service_pb2 import (
    DeliveryChange,
    WatchDeliveriesRequest,
    WatchDeliveriesResponse,
)
from .v1.event_service_pb2 import PublishResult, StreamPublishEventsResponse

logger = logging.getLogger("tenterhook")

WARN_INTERVAL = 60.0
"""Seconds between two warnings of a watch that cannot connect."""

DEFAULT_BOOKMARK_INTERVAL = 30.0
"""Seconds of silence before the server sends a bookmark, unless the watch says otherwise."""

SILENT_INTERVALS = 3
"""Bookmark intervals of silence after which a watch takes the connection for dead."""


class WatchItem(NamedTuple):
    """One change of a delivery, and the token that resumes right after it."""

    change: DeliveryChange
    token: str


class Ack(NamedTuple):
    """What became of one event of a stream: `result`, or `error` if it was refused.

    `sequence` is the event's position in the stream, from 0.
    """

    sequence: int
    result: PublishResult | None
    error: TenterhookError | None


def read_ack(response: StreamPublishEventsResponse) -> Ack:
    if response.WhichOneof("outcome") == "error":
        return Ack(response.sequence, None, from_publish_error(response.error))
    return Ack(response.sequence, response.result, None)


_FILTERS = frozenset(DeliveryFilter.DESCRIPTOR.fields_by_name)


def filtered(fields: Mapping[str, Any], names: frozenset[str] = _FILTERS) -> dict[str, Any]:
    """Moves the fields of a filter, given beside the others, into `filter`."""
    inside = {name: value for name, value in fields.items() if name in names}
    outside = {name: value for name, value in fields.items() if name not in names}
    if inside:
        outside["filter"] = inside
    return outside


@dataclass(frozen=True)
class Connectivity:
    """Whether a watch is connected. If not, `error` says why and `retry_in` in how many seconds it
    tries again."""

    connected: bool
    error: TenterhookError | None = None
    retry_in: float | None = None


OnConnectivity = Callable[[Connectivity], None]
"""What a watch calls when it has connected, and each time that it could not."""


class WatchState:
    """Where a watch stands: its request, always set to resume after what was handed out."""

    def __init__(
        self,
        request: WatchDeliveriesRequest,
        on_connectivity: OnConnectivity | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.request = request
        self._on_connectivity = on_connectivity
        self._checkpoint = checkpoint
        self._saved: str | None = None
        """What the checkpoint has; None before it was loaded."""
        self._connected = False
        self._was_connected = False
        self._warned_at: float | None = None
        interval = DEFAULT_BOOKMARK_INTERVAL
        if request.HasField("bookmark_interval"):
            interval = request.bookmark_interval.ToTimedelta().total_seconds()
        self.silence = SILENT_INTERVALS * interval
        self.failures = 0
        self.not_before = 0.0
        """When the watch may connect again, on the caller's clock."""

    @property
    def is_unsaved(self) -> bool:
        """Whether the checkpoint is to be loaded or saved."""
        return self._checkpoint is not None and self._saved != self.request.resume_token

    def save(self) -> None:
        """Saves where the watch stands, for the program has handled what it was handed; at first loads that."""
        if self._checkpoint is None:
            return
        if self._saved is None:
            self._saved = self._checkpoint.load() or ""
            if self._saved:
                self.request.resume_token = self._saved
        token = self.request.resume_token
        if token != self._saved:
            self._checkpoint.save(token)
            self._saved = token

    def is_over(self, error: TenterhookError) -> bool:
        """Whether a watch that failed so would fail again. One that was connected goes on whatever
        becomes of the server's certificate or name: that may be mended there."""
        return ends_watch(error) or (error.permanent and not self._was_connected)

    def failed(self, retry: RetryPolicy, now: float, error: TenterhookError) -> None:
        """Notes that the connection failed or could not be made."""
        wait = retry.wait(self.failures)
        self.not_before = now + wait
        self.failures += 1
        level = logging.DEBUG
        # A connection that is back at once, as after a restart of the server, is worth no warning.
        if not self._connected and (self._warned_at is None or now - self._warned_at >= WARN_INTERVAL):
            level, self._warned_at = logging.WARNING, now
        what = "lost its connection" if self._connected else "cannot connect"
        logger.log(level, "watch %s, tries again in %.1f s: %s", what, wait, error)
        self._connected = False
        if self._on_connectivity is not None:
            self._on_connectivity(Connectivity(False, error, wait))

    def _heard(self) -> None:
        """Notes that the server sent something."""
        if self._connected:
            return
        if self._warned_at is not None:
            logger.info("watch is connected again, after %d tries", self.failures)
        self._connected = self._was_connected = True
        self._warned_at = None
        if self._on_connectivity is not None:
            self._on_connectivity(Connectivity(True))

    def take(self, message: WatchDeliveriesResponse) -> WatchItem | None:
        """Notes a message that the program asked for; None for a bookmark."""
        self._heard()
        self.failures = 0
        self.request.resume_token = message.resume_token
        if message.WhichOneof("payload") != "change":
            return None
        return WatchItem(message.change, message.resume_token)


def watch_state(
    namespace: str | None,
    fields: Mapping[str, Any],
    on_connectivity: OnConnectivity | None,
    checkpoint: Checkpoint | None,
) -> WatchState:
    """Checks the arguments of `watch`. Filter fields stand beside the others; times in a
    filter are no part of a watch, so `start_time` is where it begins."""
    names = _FILTERS - {"start_time", "end_time"}
    request = build(WatchDeliveriesRequest, {"namespace": namespace, **filtered(fields, names)})
    return WatchState(request, on_connectivity, checkpoint)
