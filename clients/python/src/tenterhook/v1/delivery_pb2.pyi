from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WaitingReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WAITING_REASON_UNSPECIFIED: _ClassVar[WaitingReason]
    WAITING_REASON_PAUSED: _ClassVar[WaitingReason]
    WAITING_REASON_SUSPENDED: _ClassVar[WaitingReason]
    WAITING_REASON_CIRCUIT_BREAKER: _ClassVar[WaitingReason]
    WAITING_REASON_RETRY_AFTER: _ClassVar[WaitingReason]
    WAITING_REASON_ORDERING_KEY: _ClassVar[WaitingReason]
    WAITING_REASON_NOT_BEFORE: _ClassVar[WaitingReason]
    WAITING_REASON_RATE_LIMIT: _ClassVar[WaitingReason]
    WAITING_REASON_CAPACITY: _ClassVar[WaitingReason]

class DeliveryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATE_UNSPECIFIED: _ClassVar[DeliveryState]
    DELIVERY_STATE_PENDING: _ClassVar[DeliveryState]
    DELIVERY_STATE_IN_FLIGHT: _ClassVar[DeliveryState]
    DELIVERY_STATE_RETRYING: _ClassVar[DeliveryState]
    DELIVERY_STATE_SUCCEEDED: _ClassVar[DeliveryState]
    DELIVERY_STATE_FAILED: _ClassVar[DeliveryState]
    DELIVERY_STATE_CANCELLED: _ClassVar[DeliveryState]

class TriedAddressResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIED_ADDRESS_RESULT_UNSPECIFIED: _ClassVar[TriedAddressResult]
    TRIED_ADDRESS_RESULT_CONNECTED: _ClassVar[TriedAddressResult]
    TRIED_ADDRESS_RESULT_FAILED: _ClassVar[TriedAddressResult]
    TRIED_ADDRESS_RESULT_TIMED_OUT: _ClassVar[TriedAddressResult]
    TRIED_ADDRESS_RESULT_DROPPED: _ClassVar[TriedAddressResult]

class AttemptOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTEMPT_OUTCOME_UNSPECIFIED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_SUCCESS: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_HTTP_STATUS: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_TIMEOUT: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_DNS: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_CONNECTION: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_TLS: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_BLOCKED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_RENDER: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_INTERRUPTED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_AUTHENTICATION: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_PROXY: _ClassVar[AttemptOutcome]

class DeliveryView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_VIEW_UNSPECIFIED: _ClassVar[DeliveryView]
    DELIVERY_VIEW_BASIC: _ClassVar[DeliveryView]
    DELIVERY_VIEW_FULL: _ClassVar[DeliveryView]
WAITING_REASON_UNSPECIFIED: WaitingReason
WAITING_REASON_PAUSED: WaitingReason
WAITING_REASON_SUSPENDED: WaitingReason
WAITING_REASON_CIRCUIT_BREAKER: WaitingReason
WAITING_REASON_RETRY_AFTER: WaitingReason
WAITING_REASON_ORDERING_KEY: WaitingReason
WAITING_REASON_NOT_BEFORE: WaitingReason
WAITING_REASON_RATE_LIMIT: WaitingReason
WAITING_REASON_CAPACITY: WaitingReason
DELIVERY_STATE_UNSPECIFIED: DeliveryState
DELIVERY_STATE_PENDING: DeliveryState
DELIVERY_STATE_IN_FLIGHT: DeliveryState
DELIVERY_STATE_RETRYING: DeliveryState
DELIVERY_STATE_SUCCEEDED: DeliveryState
DELIVERY_STATE_FAILED: DeliveryState
DELIVERY_STATE_CANCELLED: DeliveryState
TRIED_ADDRESS_RESULT_UNSPECIFIED: TriedAddressResult
TRIED_ADDRESS_RESULT_CONNECTED: TriedAddressResult
TRIED_ADDRESS_RESULT_FAILED: TriedAddressResult
TRIED_ADDRESS_RESULT_TIMED_OUT: TriedAddressResult
TRIED_ADDRESS_RESULT_DROPPED: TriedAddressResult
ATTEMPT_OUTCOME_UNSPECIFIED: AttemptOutcome
ATTEMPT_OUTCOME_SUCCESS: AttemptOutcome
ATTEMPT_OUTCOME_HTTP_STATUS: AttemptOutcome
ATTEMPT_OUTCOME_TIMEOUT: AttemptOutcome
ATTEMPT_OUTCOME_DNS: AttemptOutcome
ATTEMPT_OUTCOME_CONNECTION: AttemptOutcome
ATTEMPT_OUTCOME_TLS: AttemptOutcome
ATTEMPT_OUTCOME_BLOCKED: AttemptOutcome
ATTEMPT_OUTCOME_RENDER: AttemptOutcome
ATTEMPT_OUTCOME_INTERRUPTED: AttemptOutcome
ATTEMPT_OUTCOME_AUTHENTICATION: AttemptOutcome
ATTEMPT_OUTCOME_PROXY: AttemptOutcome
DELIVERY_VIEW_UNSPECIFIED: DeliveryView
DELIVERY_VIEW_BASIC: DeliveryView
DELIVERY_VIEW_FULL: DeliveryView

class Delivery(_message.Message):
    __slots__ = ("id", "namespace", "webhook_id", "event_id", "event_type", "ordering_key", "state", "attempt_count", "next_attempt_time", "last_attempt", "create_time", "update_time", "finish_time", "attempts", "waiting")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    ORDERING_KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    webhook_id: str
    event_id: str
    event_type: str
    ordering_key: str
    state: DeliveryState
    attempt_count: int
    next_attempt_time: _timestamp_pb2.Timestamp
    last_attempt: DeliveryAttempt
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    finish_time: _timestamp_pb2.Timestamp
    attempts: _containers.RepeatedCompositeFieldContainer[DeliveryAttempt]
    waiting: Waiting
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., webhook_id: _Optional[str] = ..., event_id: _Optional[str] = ..., event_type: _Optional[str] = ..., ordering_key: _Optional[str] = ..., state: _Optional[_Union[DeliveryState, str]] = ..., attempt_count: _Optional[int] = ..., next_attempt_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_attempt: _Optional[_Union[DeliveryAttempt, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., finish_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[DeliveryAttempt, _Mapping]]] = ..., waiting: _Optional[_Union[Waiting, _Mapping]] = ...) -> None: ...

class Waiting(_message.Message):
    __slots__ = ("reason", "until_time", "behind_delivery_id")
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    BEHIND_DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    reason: WaitingReason
    until_time: _timestamp_pb2.Timestamp
    behind_delivery_id: str
    def __init__(self, reason: _Optional[_Union[WaitingReason, str]] = ..., until_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., behind_delivery_id: _Optional[str] = ...) -> None: ...

class AttemptSummary(_message.Message):
    __slots__ = ("delivery_id", "event_id", "number", "end_time", "duration", "outcome", "response_status", "error", "response_text")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TEXT_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    event_id: str
    number: int
    end_time: _timestamp_pb2.Timestamp
    duration: _duration_pb2.Duration
    outcome: AttemptOutcome
    response_status: int
    error: str
    response_text: str
    def __init__(self, delivery_id: _Optional[str] = ..., event_id: _Optional[str] = ..., number: _Optional[int] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., outcome: _Optional[_Union[AttemptOutcome, str]] = ..., response_status: _Optional[int] = ..., error: _Optional[str] = ..., response_text: _Optional[str] = ...) -> None: ...

class DeliveryAttempt(_message.Message):
    __slots__ = ("number", "start_time", "duration", "outcome", "error", "request", "response", "timings", "remote_address", "trace_id", "tried_addresses", "proxy")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    REMOTE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    TRIED_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    PROXY_FIELD_NUMBER: _ClassVar[int]
    number: int
    start_time: _timestamp_pb2.Timestamp
    duration: _duration_pb2.Duration
    outcome: AttemptOutcome
    error: str
    request: HttpRequest
    response: HttpResponse
    timings: AttemptTimings
    remote_address: str
    trace_id: str
    tried_addresses: _containers.RepeatedCompositeFieldContainer[TriedAddress]
    proxy: str
    def __init__(self, number: _Optional[int] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., outcome: _Optional[_Union[AttemptOutcome, str]] = ..., error: _Optional[str] = ..., request: _Optional[_Union[HttpRequest, _Mapping]] = ..., response: _Optional[_Union[HttpResponse, _Mapping]] = ..., timings: _Optional[_Union[AttemptTimings, _Mapping]] = ..., remote_address: _Optional[str] = ..., trace_id: _Optional[str] = ..., tried_addresses: _Optional[_Iterable[_Union[TriedAddress, _Mapping]]] = ..., proxy: _Optional[str] = ...) -> None: ...

class TriedAddress(_message.Message):
    __slots__ = ("address", "result", "error")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    address: str
    result: TriedAddressResult
    error: str
    def __init__(self, address: _Optional[str] = ..., result: _Optional[_Union[TriedAddressResult, str]] = ..., error: _Optional[str] = ...) -> None: ...

class AttemptTimings(_message.Message):
    __slots__ = ("queued", "render", "dns", "connect", "tls", "first_byte")
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RENDER_FIELD_NUMBER: _ClassVar[int]
    DNS_FIELD_NUMBER: _ClassVar[int]
    CONNECT_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_FIELD_NUMBER: _ClassVar[int]
    queued: _duration_pb2.Duration
    render: _duration_pb2.Duration
    dns: _duration_pb2.Duration
    connect: _duration_pb2.Duration
    tls: _duration_pb2.Duration
    first_byte: _duration_pb2.Duration
    def __init__(self, queued: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., render: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., dns: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., connect: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., tls: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., first_byte: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HttpRequest(_message.Message):
    __slots__ = ("method", "url", "headers", "body", "body_truncated", "body_text")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    BODY_TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    BODY_TEXT_FIELD_NUMBER: _ClassVar[int]
    method: str
    url: str
    headers: _containers.RepeatedCompositeFieldContainer[HttpHeader]
    body: bytes
    body_truncated: bool
    body_text: str
    def __init__(self, method: _Optional[str] = ..., url: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[HttpHeader, _Mapping]]] = ..., body: _Optional[bytes] = ..., body_truncated: bool = ..., body_text: _Optional[str] = ...) -> None: ...

class HttpResponse(_message.Message):
    __slots__ = ("status", "headers", "body", "body_truncated", "note", "body_text")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    BODY_TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    BODY_TEXT_FIELD_NUMBER: _ClassVar[int]
    status: int
    headers: _containers.RepeatedCompositeFieldContainer[HttpHeader]
    body: bytes
    body_truncated: bool
    note: str
    body_text: str
    def __init__(self, status: _Optional[int] = ..., headers: _Optional[_Iterable[_Union[HttpHeader, _Mapping]]] = ..., body: _Optional[bytes] = ..., body_truncated: bool = ..., note: _Optional[str] = ..., body_text: _Optional[str] = ...) -> None: ...

class HttpHeader(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class DeliveryFilter(_message.Message):
    __slots__ = ("webhook_ids", "event_ids", "event_types", "states", "last_outcomes", "start_time", "end_time", "response_statuses", "min_attempts", "webhook_labels")
    class WebhookLabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WEBHOOK_IDS_FIELD_NUMBER: _ClassVar[int]
    EVENT_IDS_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    LAST_OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_STATUSES_FIELD_NUMBER: _ClassVar[int]
    MIN_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_LABELS_FIELD_NUMBER: _ClassVar[int]
    webhook_ids: _containers.RepeatedScalarFieldContainer[str]
    event_ids: _containers.RepeatedScalarFieldContainer[str]
    event_types: _containers.RepeatedScalarFieldContainer[str]
    states: _containers.RepeatedScalarFieldContainer[DeliveryState]
    last_outcomes: _containers.RepeatedScalarFieldContainer[AttemptOutcome]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    response_statuses: _containers.RepeatedScalarFieldContainer[int]
    min_attempts: int
    webhook_labels: _containers.ScalarMap[str, str]
    def __init__(self, webhook_ids: _Optional[_Iterable[str]] = ..., event_ids: _Optional[_Iterable[str]] = ..., event_types: _Optional[_Iterable[str]] = ..., states: _Optional[_Iterable[_Union[DeliveryState, str]]] = ..., last_outcomes: _Optional[_Iterable[_Union[AttemptOutcome, str]]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., response_statuses: _Optional[_Iterable[int]] = ..., min_attempts: _Optional[int] = ..., webhook_labels: _Optional[_Mapping[str, str]] = ...) -> None: ...
