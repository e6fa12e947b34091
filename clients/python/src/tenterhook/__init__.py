"""Tenterhook: publish events, manage webhooks, watch deliveries, verify what was delivered.

`Client` blocks, `AsyncClient` is for asyncio; both have the same methods. The messages are in
`tenterhook.v1` and the common ones here.
"""

from .aio import AsyncClient
from .client import Client
from .errors import (
    Conflict,
    FieldViolation,
    Invalid,
    NotFound,
    TenterhookError,
    Unavailable,
)
from .messages import event, json_document, json_value
from .policy import RetryPolicy
from .results import Ack, WatchItem
from .v1.delivery_pb2 import AttemptOutcome, Delivery, DeliveryState, DeliveryView
from .v1.delivery_service_pb2 import DeliveryChange, WatchPosition
from .v1.error_reason_pb2 import ErrorReason
from .v1.event_pb2 import Event, JsonDocument, Snapshots
from .v1.event_service_pb2 import PublishResult
from .v1.webhook_pb2 import SignatureScheme, Webhook, WebhookState
from .verification import InvalidSignature, Scheme, verify

__version__ = "0.1.0"

__all__ = [
    "Ack",
    "AsyncClient",
    "AttemptOutcome",
    "Client",
    "Conflict",
    "Delivery",
    "DeliveryChange",
    "DeliveryState",
    "DeliveryView",
    "ErrorReason",
    "Event",
    "FieldViolation",
    "Invalid",
    "InvalidSignature",
    "JsonDocument",
    "NotFound",
    "PublishResult",
    "RetryPolicy",
    "Scheme",
    "SignatureScheme",
    "Snapshots",
    "TenterhookError",
    "Unavailable",
    "WatchItem",
    "WatchPosition",
    "Webhook",
    "WebhookState",
    "event",
    "json_document",
    "json_value",
    "verify",
]
