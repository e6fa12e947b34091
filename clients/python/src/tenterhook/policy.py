"""When a failed call is tried again, and which methods may be."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, message_factory

from .errors import TenterhookError
from .v1 import (
    access_service_pb2,
    delivery_service_pb2,
    event_service_pb2,
    server_service_pb2,
    webhook_service_pb2,
)

DEFAULT_TIMEOUT = 10.0
"""Seconds for one call, its retries included."""

TEST_TIMEOUT = 70.0
"""Seconds for TestWebhook, which returns when an attempt has ended: 60 at most."""

PING_TIMEOUT = 5.0
"""Seconds for the one try of a ping."""

_Code = grpc.StatusCode
_ENDS_A_WATCH = {
    _Code.ALREADY_EXISTS,
    _Code.DATA_LOSS,
    _Code.FAILED_PRECONDITION,
    _Code.INVALID_ARGUMENT,
    _Code.NOT_FOUND,
    _Code.OUT_OF_RANGE,
    _Code.PERMISSION_DENIED,
    _Code.UNAUTHENTICATED,
    _Code.UNIMPLEMENTED,
}


@dataclass(frozen=True)
class RetryPolicy:
    """Waits in seconds: `initial`, then `multiplier` times the one before, up to `maximum`,
    each changed at random by the share `jitter`. A value that is not positive stands for its
    default, but no `jitter` is none. `enabled=False` never retries a call; a watch reconnects
    all the same."""

    initial: float = 0.1
    multiplier: float = 2.0
    maximum: float = 5.0
    jitter: float = 0.2
    enabled: bool = True

    def wait(self, failures: int) -> float:
        """The wait after so many failures in a row, from 0."""
        initial, multiplier, maximum = (
            given if given > 0 else default
            for given, default in (
                (self.initial, RetryPolicy.initial),
                (self.multiplier, RetryPolicy.multiplier),
                (self.maximum, RetryPolicy.maximum),
            )
        )
        jitter = min(max(self.jitter, 0.0), 1.0)
        wait = min(initial * multiplier ** min(failures, 30), maximum)
        return wait * random.uniform(1 - jitter, 1 + jitter)


@dataclass(frozen=True)
class Method:
    """One method of the API, as its descriptor tells it."""

    path: str
    request: Any
    response: Any
    idempotent: bool
    streaming: bool

    def timeout(self, of_client: float) -> float:
        """Seconds for a call that names none: what the client has, but as long as an attempt may take
        where the call waits for one and the client was given no time."""
        waits_for_attempt = self.path.endswith("/TestWebhook")
        return TEST_TIMEOUT if waits_for_attempt and of_client == DEFAULT_TIMEOUT else of_client

    def retry_wait(
        self, policy: RetryPolicy, error: TenterhookError, failures: int, remaining: float
    ) -> float | None:
        """Seconds until the next try; None when there is to be none.

        UNAVAILABLE is tried again unless it is permanent; another error that carries RetryInfo where the
        method is marked idempotent in the proto. RetryInfo is the least wait.
        """
        told = error.retry_after
        if not policy.enabled:
            return None
        if error.permanent or error.code is not _Code.UNAVAILABLE and (told is None or not self.idempotent):
            return None
        wait = max(policy.wait(failures), told or 0.0)
        return wait if wait < remaining else None


def ends_watch(error: TenterhookError) -> bool:
    """Whether a watch that failed so would fail again."""
    return error.code in _ENDS_A_WATCH


def _read_methods() -> dict[str, dict[str, Method]]:
    options = descriptor_pb2.MethodOptions
    services: dict[str, dict[str, Method]] = {}
    for module in (
        access_service_pb2,
        delivery_service_pb2,
        event_service_pb2,
        server_service_pb2,
        webhook_service_pb2,
    ):
        for service in module.DESCRIPTOR.services_by_name.values():
            methods = services.setdefault(service.name, {})
            for method in service.methods:
                level = method.GetOptions().idempotency_level
                name = re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower()
                methods[name] = Method(
                    path=f"/{service.full_name}/{method.name}",
                    request=message_factory.GetMessageClass(method.input_type),
                    response=message_factory.GetMessageClass(method.output_type),
                    idempotent=level != options.IDEMPOTENCY_UNKNOWN,
                    streaming=method.client_streaming or method.server_streaming,
                )
    return services


METHODS = _read_methods()
"""Service name to method name in snake case to method."""
PUBLISH = METHODS["EventService"]["publish_event"]
PUBLISH_BATCH = METHODS["EventService"]["batch_publish_events"]
PUBLISH_STREAM = METHODS["EventService"]["stream_publish_events"]
GET_SERVER_INFO = METHODS["ServerService"]["get_server_info"]
WATCH = METHODS["DeliveryService"]["watch_deliveries"]
