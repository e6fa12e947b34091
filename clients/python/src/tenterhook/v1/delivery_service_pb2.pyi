from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tenterhook.v1 import delivery_pb2 as _delivery_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchPosition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WATCH_POSITION_UNSPECIFIED: _ClassVar[WatchPosition]
    WATCH_POSITION_NOW: _ClassVar[WatchPosition]
    WATCH_POSITION_EARLIEST: _ClassVar[WatchPosition]
WATCH_POSITION_UNSPECIFIED: WatchPosition
WATCH_POSITION_NOW: WatchPosition
WATCH_POSITION_EARLIEST: WatchPosition

class GetDeliveryRequest(_message.Message):
    __slots__ = ("delivery_id", "view")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    view: _delivery_pb2.DeliveryView
    def __init__(self, delivery_id: _Optional[str] = ..., view: _Optional[_Union[_delivery_pb2.DeliveryView, str]] = ...) -> None: ...

class GetDeliveryResponse(_message.Message):
    __slots__ = ("delivery",)
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    delivery: _delivery_pb2.Delivery
    def __init__(self, delivery: _Optional[_Union[_delivery_pb2.Delivery, _Mapping]] = ...) -> None: ...

class ListDeliveriesRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token", "filter", "view")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    page_size: int
    page_token: str
    filter: _delivery_pb2.DeliveryFilter
    view: _delivery_pb2.DeliveryView
    def __init__(self, namespace: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[_delivery_pb2.DeliveryFilter, _Mapping]] = ..., view: _Optional[_Union[_delivery_pb2.DeliveryView, str]] = ...) -> None: ...

class ListDeliveriesResponse(_message.Message):
    __slots__ = ("deliveries", "next_page_token", "resume_token")
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[_delivery_pb2.Delivery]
    next_page_token: str
    resume_token: str
    def __init__(self, deliveries: _Optional[_Iterable[_Union[_delivery_pb2.Delivery, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class WatchDeliveriesRequest(_message.Message):
    __slots__ = ("namespace", "filter", "view", "resume_token", "start_time", "position", "bookmark_interval")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    BOOKMARK_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    filter: _delivery_pb2.DeliveryFilter
    view: _delivery_pb2.DeliveryView
    resume_token: str
    start_time: _timestamp_pb2.Timestamp
    position: WatchPosition
    bookmark_interval: _duration_pb2.Duration
    def __init__(self, namespace: _Optional[str] = ..., filter: _Optional[_Union[_delivery_pb2.DeliveryFilter, _Mapping]] = ..., view: _Optional[_Union[_delivery_pb2.DeliveryView, str]] = ..., resume_token: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., position: _Optional[_Union[WatchPosition, str]] = ..., bookmark_interval: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchDeliveriesResponse(_message.Message):
    __slots__ = ("resume_token", "change", "bookmark")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    BOOKMARK_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    change: DeliveryChange
    bookmark: Bookmark
    def __init__(self, resume_token: _Optional[str] = ..., change: _Optional[_Union[DeliveryChange, _Mapping]] = ..., bookmark: _Optional[_Union[Bookmark, _Mapping]] = ...) -> None: ...

class DeliveryChange(_message.Message):
    __slots__ = ("change_time", "previous_state", "delivery")
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_STATE_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    change_time: _timestamp_pb2.Timestamp
    previous_state: _delivery_pb2.DeliveryState
    delivery: _delivery_pb2.Delivery
    def __init__(self, change_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., previous_state: _Optional[_Union[_delivery_pb2.DeliveryState, str]] = ..., delivery: _Optional[_Union[_delivery_pb2.Delivery, _Mapping]] = ...) -> None: ...

class Bookmark(_message.Message):
    __slots__ = ("server_time",)
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    server_time: _timestamp_pb2.Timestamp
    def __init__(self, server_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RetryDeliveryRequest(_message.Message):
    __slots__ = ("delivery_id",)
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    def __init__(self, delivery_id: _Optional[str] = ...) -> None: ...

class RetryDeliveryResponse(_message.Message):
    __slots__ = ("delivery",)
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    delivery: _delivery_pb2.Delivery
    def __init__(self, delivery: _Optional[_Union[_delivery_pb2.Delivery, _Mapping]] = ...) -> None: ...

class BatchRetryDeliveriesRequest(_message.Message):
    __slots__ = ("namespace", "filter", "validate_only")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    filter: _delivery_pb2.DeliveryFilter
    validate_only: bool
    def __init__(self, namespace: _Optional[str] = ..., filter: _Optional[_Union[_delivery_pb2.DeliveryFilter, _Mapping]] = ..., validate_only: bool = ...) -> None: ...

class BatchRetryDeliveriesResponse(_message.Message):
    __slots__ = ("delivery_count", "skipped")
    DELIVERY_COUNT_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    delivery_count: int
    skipped: _containers.RepeatedCompositeFieldContainer[DeliveryStateCount]
    def __init__(self, delivery_count: _Optional[int] = ..., skipped: _Optional[_Iterable[_Union[DeliveryStateCount, _Mapping]]] = ...) -> None: ...

class DeliveryStateCount(_message.Message):
    __slots__ = ("state", "count")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    state: _delivery_pb2.DeliveryState
    count: int
    def __init__(self, state: _Optional[_Union[_delivery_pb2.DeliveryState, str]] = ..., count: _Optional[int] = ...) -> None: ...

class CancelDeliveryRequest(_message.Message):
    __slots__ = ("delivery_id",)
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    def __init__(self, delivery_id: _Optional[str] = ...) -> None: ...

class CancelDeliveryResponse(_message.Message):
    __slots__ = ("delivery",)
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    delivery: _delivery_pb2.Delivery
    def __init__(self, delivery: _Optional[_Union[_delivery_pb2.Delivery, _Mapping]] = ...) -> None: ...

class BatchCancelDeliveriesRequest(_message.Message):
    __slots__ = ("namespace", "filter", "validate_only")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    filter: _delivery_pb2.DeliveryFilter
    validate_only: bool
    def __init__(self, namespace: _Optional[str] = ..., filter: _Optional[_Union[_delivery_pb2.DeliveryFilter, _Mapping]] = ..., validate_only: bool = ...) -> None: ...

class BatchCancelDeliveriesResponse(_message.Message):
    __slots__ = ("delivery_count",)
    DELIVERY_COUNT_FIELD_NUMBER: _ClassVar[int]
    delivery_count: int
    def __init__(self, delivery_count: _Optional[int] = ...) -> None: ...

class GetDeliveryStatsRequest(_message.Message):
    __slots__ = ("namespace", "webhook_id", "window", "bucket_width")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    BUCKET_WIDTH_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    webhook_id: str
    window: _duration_pb2.Duration
    bucket_width: _duration_pb2.Duration
    def __init__(self, namespace: _Optional[str] = ..., webhook_id: _Optional[str] = ..., window: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., bucket_width: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetDeliveryStatsResponse(_message.Message):
    __slots__ = ("total", "webhooks", "buckets")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    WEBHOOKS_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    total: DeliveryStats
    webhooks: _containers.RepeatedCompositeFieldContainer[WebhookDeliveryStats]
    buckets: _containers.RepeatedCompositeFieldContainer[DeliveryStatsBucket]
    def __init__(self, total: _Optional[_Union[DeliveryStats, _Mapping]] = ..., webhooks: _Optional[_Iterable[_Union[WebhookDeliveryStats, _Mapping]]] = ..., buckets: _Optional[_Iterable[_Union[DeliveryStatsBucket, _Mapping]]] = ...) -> None: ...

class DeliveryStatsBucket(_message.Message):
    __slots__ = ("start_time", "stats")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    stats: DeliveryStats
    def __init__(self, start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., stats: _Optional[_Union[DeliveryStats, _Mapping]] = ...) -> None: ...

class WebhookDeliveryStats(_message.Message):
    __slots__ = ("webhook_id", "stats")
    WEBHOOK_ID_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    webhook_id: str
    stats: DeliveryStats
    def __init__(self, webhook_id: _Optional[str] = ..., stats: _Optional[_Union[DeliveryStats, _Mapping]] = ...) -> None: ...

class DeliveryStats(_message.Message):
    __slots__ = ("succeeded", "failed", "attempts", "open", "oldest_open_age", "attempt_latency_p50", "attempt_latency_p99", "failed_attempts", "outcomes")
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    OLDEST_OPEN_AGE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_LATENCY_P50_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_LATENCY_P99_FIELD_NUMBER: _ClassVar[int]
    FAILED_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    succeeded: int
    failed: int
    attempts: int
    open: int
    oldest_open_age: _duration_pb2.Duration
    attempt_latency_p50: _duration_pb2.Duration
    attempt_latency_p99: _duration_pb2.Duration
    failed_attempts: int
    outcomes: _containers.RepeatedCompositeFieldContainer[OutcomeCount]
    def __init__(self, succeeded: _Optional[int] = ..., failed: _Optional[int] = ..., attempts: _Optional[int] = ..., open: _Optional[int] = ..., oldest_open_age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., attempt_latency_p50: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., attempt_latency_p99: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., failed_attempts: _Optional[int] = ..., outcomes: _Optional[_Iterable[_Union[OutcomeCount, _Mapping]]] = ...) -> None: ...

class OutcomeCount(_message.Message):
    __slots__ = ("outcome", "response_status", "count")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_STATUS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    outcome: _delivery_pb2.AttemptOutcome
    response_status: int
    count: int
    def __init__(self, outcome: _Optional[_Union[_delivery_pb2.AttemptOutcome, str]] = ..., response_status: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...
