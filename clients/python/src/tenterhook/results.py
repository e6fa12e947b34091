"""What streams yield, and how a stream's messages are read; shared by both clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import TenterhookError, from_publish_error
from .messages import build
from .policy import RetryPolicy
from .v1.delivery_pb2 import DeliveryFilter
from .v1.delivery_service_pb2 import (
    DeliveryChange,
    WatchDeliveriesRequest,
    WatchDeliveriesResponse,
)
from .v1.event_service_pb2 import PublishResult, StreamPublishEventsResponse

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


class WatchState:
    """Where a watch stands: its request, always set to resume after what was handed out."""

    def __init__(self, request: WatchDeliveriesRequest) -> None:
        self.request = request
        interval = DEFAULT_BOOKMARK_INTERVAL
        if request.HasField("bookmark_interval"):
            interval = request.bookmark_interval.ToTimedelta().total_seconds()
        self.silence = SILENT_INTERVALS * interval
        self.failures = 0
        self.not_before = 0.0
        """When the watch may connect again, on the caller's clock."""

    def failed(self, retry: RetryPolicy, now: float) -> None:
        """Notes that the connection failed or could not be made."""
        self.not_before = now + retry.wait(self.failures)
        self.failures += 1

    def take(self, message: WatchDeliveriesResponse) -> WatchItem | None:
        """Notes a message that the program asked for; None for a bookmark."""
        self.failures = 0
        self.request.resume_token = message.resume_token
        if message.WhichOneof("payload") != "change":
            return None
        return WatchItem(message.change, message.resume_token)


def watch_state(namespace: str | None, fields: Mapping[str, Any]) -> WatchState:
    """Checks the arguments of `watch`. Filter fields stand beside the others; times in a
    filter are no part of a watch, so `start_time` is where it begins."""
    names = _FILTERS - {"start_time", "end_time"}
    request = build(
        WatchDeliveriesRequest, {"namespace": namespace, **filtered(fields, names)}
    )
    return WatchState(request)
