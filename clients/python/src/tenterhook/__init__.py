"""Tenterhook: publish events, manage webhooks, watch deliveries, verify what was delivered.

`Client` blocks, `AsyncClient` is for asyncio; both have the same methods. The messages are in
`tenterhook.v1` and the common ones here.

What is here is imported when it is first used, so that a receiver does not load gRPC.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import AsyncClient
    from .checkpoint import Checkpoint, FileCheckpoint
    from .client import Client
    from .custom import CustomSignature, verify_custom
    from .environment import ApiKeyFile
    from .errors import (
        Closed,
        Conflict,
        FieldViolation,
        Invalid,
        NotFound,
        TenterhookError,
        Unavailable,
    )
    from .messages import event, json_document, json_value
    from .policy import RetryPolicy
    from .publisher import AsyncPublication, AsyncPublisher, Publication, Publisher, PublisherFull, PublisherSettings
    from .receive import Receiver, RecentIds, Refused, Seen, WebhookEvent, parse
    from .results import Ack, Connectivity, WatchItem
    from .v1.delivery_pb2 import AttemptOutcome, Delivery, DeliveryState, DeliveryView
    from .v1.delivery_service_pb2 import DeliveryChange, WatchPosition
    from .v1.error_reason_pb2 import ErrorReason
    from .v1.event_pb2 import Event, JsonDocument, Snapshots
    from .v1.event_service_pb2 import PublishResult
    from .v1.webhook_pb2 import SignatureScheme, Webhook, WebhookState
    from .verification import InvalidSignature, Misconfigured, Scheme, sign_for_test, verify

__version__ = "0.1.0"

_HOMES = {
    ".aio": ("AsyncClient",),
    ".checkpoint": ("Checkpoint", "FileCheckpoint"),
    ".client": ("Client",),
    ".custom": ("CustomSignature", "verify_custom"),
    ".environment": ("ApiKeyFile",),
    ".errors": ("Closed", "Conflict", "FieldViolation", "Invalid", "NotFound", "TenterhookError", "Unavailable"),
    ".messages": ("event", "json_document", "json_value"),
    ".policy": ("RetryPolicy",),
    ".publisher": (
        "AsyncPublication", "AsyncPublisher", "Publication", "Publisher", "PublisherFull", "PublisherSettings",
    ),
    ".receive": ("Receiver", "RecentIds", "Refused", "Seen", "WebhookEvent", "parse"),
    ".results": ("Ack", "Connectivity", "WatchItem"),
    ".v1.delivery_pb2": ("AttemptOutcome", "Delivery", "DeliveryState", "DeliveryView"),
    ".v1.delivery_service_pb2": ("DeliveryChange", "WatchPosition"),
    ".v1.error_reason_pb2": ("ErrorReason",),
    ".v1.event_pb2": ("Event", "JsonDocument", "Snapshots"),
    ".v1.event_service_pb2": ("PublishResult",),
    ".v1.webhook_pb2": ("SignatureScheme", "Webhook", "WebhookState"),
    ".verification": ("InvalidSignature", "Misconfigured", "Scheme", "sign_for_test", "verify"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "Ack",
    "ApiKeyFile",
    "AsyncClient",
    "AsyncPublication",
    "AsyncPublisher",
    "AttemptOutcome",
    "Checkpoint",
    "Client",
    "Closed",
    "Conflict",
    "Connectivity",
    "CustomSignature",
    "Delivery",
    "DeliveryChange",
    "DeliveryState",
    "DeliveryView",
    "ErrorReason",
    "Event",
    "FieldViolation",
    "FileCheckpoint",
    "Invalid",
    "InvalidSignature",
    "JsonDocument",
    "Misconfigured",
    "NotFound",
    "Publication",
    "PublishResult",
    "Publisher",
    "PublisherFull",
    "PublisherSettings",
    "Receiver",
    "RecentIds",
    "Refused",
    "RetryPolicy",
    "Scheme",
    "Seen",
    "SignatureScheme",
    "Snapshots",
    "TenterhookError",
    "Unavailable",
    "WatchItem",
    "WatchPosition",
    "Webhook",
    "WebhookEvent",
    "WebhookState",
    "event",
    "json_document",
    "json_value",
    "parse",
    "sign_for_test",
    "verify",
    "verify_custom",
]
