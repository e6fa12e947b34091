"""The one error type of the clients, and how it is read from a gRPC status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from .v1.error_reason_pb2 import ErrorReason
from .v1.event_service_pb2 import PublishError

_DOMAIN = "tenterhook"
# Characters of gRPC's own text that follow our words.
_TEXT_MAX = 300
# What grpc.aio says, and no more, of a stream that broke while it was written to.
_BROKEN_STREAM = "Internal error from Core"
# How gRPC words what no further try will mend, and what to do about it.
_PERMANENT = (
    (
        re.compile(r"CERTIFICATE_VERIFY_FAILED|Hostname Verification Check failed"),
        "the server's certificate is not trusted, or is for another host: give its authority as `ca`",
    ),
    (
        re.compile(r"WRONG_VERSION_NUMBER"),
        "the server does not speak TLS: begin the target with http:// if that is meant",
    ),
    (
        re.compile(r"Trying to connect an http1.x server"),
        "the port does not speak gRPC: check it, and begin the target with https:// if the server speaks TLS",
    ),
    (
        re.compile(r"Domain name not found|Name or service not known|nodename nor servname|No such host"),
        "there is no such host: check the target",
    ),
)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class FieldViolation:
    """One field at fault: its path in the request, and what is wrong with it."""

    field: str
    description: str


class TenterhookError(Exception):
    """A call that failed.

    `code` is the gRPC code; `reason` an `ErrorReason` (unspecified when the server gave none,
    as for errors of the transport); `field_violations` every field at fault; `retry_after` the
    seconds to wait before the call may succeed, or None; `metadata` what belongs to the reason.
    `permanent` says that trying again will not help, because the client is set up wrongly: the
    server's certificate is not trusted, it speaks no TLS, the port speaks no gRPC, or there is no such host.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: ErrorReason = ErrorReason.ERROR_REASON_UNSPECIFIED,
        field_violations: tuple[FieldViolation, ...] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
        permanent: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.field_violations = field_violations
        self.retry_after = retry_after
        self.metadata = dict(metadata or {})
        self.permanent = permanent

    @property
    def reason_name(self) -> str:
        """The reason without its prefix, such as `ETAG_MISMATCH`; empty when there is none."""
        name = ErrorReason.Name(self.reason).removeprefix("ERROR_REASON_")
        return "" if name == "UNSPECIFIED" else name

    def __reduce__(self) -> Any:
        # Pools of processes hand errors over by pickle, which else calls `__init__` with the message alone.
        return _restore, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        reason = f" {self.reason_name}" if self.reason_name else ""
        return f"{self.code.name}{reason}: {self.message}"


def _restore(kind: type[TenterhookError], arguments: tuple[Any, ...], members: dict[str, Any]) -> TenterhookError:
    made = kind.__new__(kind, *arguments)
    made.__dict__.update(members)
    return made


class NotFound(TenterhookError):
    """There is no such webhook, event, delivery or key."""


class Conflict(TenterhookError):
    """The thing exists already, was changed by somebody else, or its state forbids the call."""


class Invalid(TenterhookError):
    """The request is wrong; `field_violations` says where."""


class Unavailable(TenterhookError):
    """The server cannot be reached, or is stopping. The call may be repeated."""


class Closed(TenterhookError):
    """The client was closed before the call, or while it was in flight."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.CANCELLED, "the client is closed")


_TYPES = {
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: Conflict,
    grpc.StatusCode.INVALID_ARGUMENT: Invalid,
    grpc.StatusCode.OUT_OF_RANGE: Invalid,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
}


def from_rpc_error(error: grpc.RpcError) -> TenterhookError:
    """Reads the status of a failed call, its `google.rpc` details included."""
    code = error.code() or grpc.StatusCode.UNKNOWN
    if error.details() == _BROKEN_STREAM:
        code = grpc.StatusCode.UNAVAILABLE
    details: dict[str, Any] = {}
    message = error.details() or code.name
    if code is grpc.StatusCode.UNAVAILABLE:
        for words, advice in _PERMANENT:
            if words.search(message):
                return Unavailable(code, f"{advice} ({message[:_TEXT_MAX]})", permanent=True)
    trailers: Any = error.trailing_metadata()
    for key, value in trailers or ():
        if key == "grpc-status-details-bin":
            details = _read_details(value)
    return _TYPES.get(code, TenterhookError)(code, message, **details)


def from_publish_error(error: PublishError) -> TenterhookError:
    """Reads the acknowledgement of an event that a stream refused."""
    code = _CODES.get(error.code, grpc.StatusCode.UNKNOWN)
    description = error.message.removeprefix(f"{error.field}: ")
    violations = (FieldViolation(error.field, description),) if error.field else ()
    kind = _TYPES.get(code, TenterhookError)
    return kind(code, error.message, reason=error.reason, field_violations=violations)


def _read_details(encoded: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        status = status_pb2.Status.FromString(encoded)
    except DecodeError:
        return found
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info) and info.domain == _DOMAIN:
            name = f"ERROR_REASON_{info.reason}"
            if name in ErrorReason.keys():
                found["reason"] = ErrorReason.Value(name)
            found["metadata"] = info.metadata
        elif detail.Unpack(bad):
            found["field_violations"] = tuple(
                FieldViolation(v.field, v.description) for v in bad.field_violations
            )
        elif detail.Unpack(retry):
            found["retry_after"] = retry.retry_delay.ToTimedelta().total_seconds()
    return found
