from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("server", "caller")
    SERVER_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    server: ServerInfo
    caller: CallerInfo
    def __init__(self, server: _Optional[_Union[ServerInfo, _Mapping]] = ..., caller: _Optional[_Union[CallerInfo, _Mapping]] = ...) -> None: ...

class ServerInfo(_message.Message):
    __slots__ = ("version", "store_engine", "start_time", "current_time", "retention", "limits", "features")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STORE_ENGINE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    CURRENT_TIME_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    version: str
    store_engine: str
    start_time: _timestamp_pb2.Timestamp
    current_time: _timestamp_pb2.Timestamp
    retention: _duration_pb2.Duration
    limits: _containers.RepeatedCompositeFieldContainer[ServerLimit]
    features: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[str] = ..., store_engine: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., current_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., retention: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., limits: _Optional[_Iterable[_Union[ServerLimit, _Mapping]]] = ..., features: _Optional[_Iterable[str]] = ...) -> None: ...

class ServerLimit(_message.Message):
    __slots__ = ("name", "description", "value", "minimum", "unit", "flag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    value: int
    minimum: int
    unit: str
    flag: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., value: _Optional[int] = ..., minimum: _Optional[int] = ..., unit: _Optional[str] = ..., flag: _Optional[str] = ...) -> None: ...

class CallerInfo(_message.Message):
    __slots__ = ("name", "grants")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    grants: _containers.RepeatedCompositeFieldContainer[CallerGrant]
    def __init__(self, name: _Optional[str] = ..., grants: _Optional[_Iterable[_Union[CallerGrant, _Mapping]]] = ...) -> None: ...

class CallerGrant(_message.Message):
    __slots__ = ("role", "namespace", "webhook_id", "expire_time")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    role: str
    namespace: str
    webhook_id: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, role: _Optional[str] = ..., namespace: _Optional[str] = ..., webhook_id: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("namespaces", "next_page_token")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedCompositeFieldContainer[NamespaceInfo]
    next_page_token: str
    def __init__(self, namespaces: _Optional[_Iterable[_Union[NamespaceInfo, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class NamespaceInfo(_message.Message):
    __slots__ = ("name", "webhook_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    webhook_count: int
    def __init__(self, name: _Optional[str] = ..., webhook_count: _Optional[int] = ...) -> None: ...
