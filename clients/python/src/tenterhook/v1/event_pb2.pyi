from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("id", "namespace", "type", "object_type", "occur_time", "username", "request_id", "data", "snapshots", "attributes", "ordering_key", "deliver_after", "expire_time", "publish_time", "request", "context")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ORDERING_KEY_FIELD_NUMBER: _ClassVar[int]
    DELIVER_AFTER_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    type: str
    object_type: str
    occur_time: _timestamp_pb2.Timestamp
    username: str
    request_id: str
    data: JsonDocument
    snapshots: Snapshots
    attributes: _containers.ScalarMap[str, str]
    ordering_key: str
    deliver_after: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    publish_time: _timestamp_pb2.Timestamp
    request: JsonDocument
    context: JsonDocument
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., type: _Optional[str] = ..., object_type: _Optional[str] = ..., occur_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., username: _Optional[str] = ..., request_id: _Optional[str] = ..., data: _Optional[_Union[JsonDocument, _Mapping]] = ..., snapshots: _Optional[_Union[Snapshots, _Mapping]] = ..., attributes: _Optional[_Mapping[str, str]] = ..., ordering_key: _Optional[str] = ..., deliver_after: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., publish_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., request: _Optional[_Union[JsonDocument, _Mapping]] = ..., context: _Optional[_Union[JsonDocument, _Mapping]] = ...) -> None: ...

class JsonDocument(_message.Message):
    __slots__ = ("json", "structured")
    JSON_FIELD_NUMBER: _ClassVar[int]
    STRUCTURED_FIELD_NUMBER: _ClassVar[int]
    json: str
    structured: _struct_pb2.Value
    def __init__(self, json: _Optional[str] = ..., structured: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class Snapshots(_message.Message):
    __slots__ = ("prechange", "postchange")
    PRECHANGE_FIELD_NUMBER: _ClassVar[int]
    POSTCHANGE_FIELD_NUMBER: _ClassVar[int]
    prechange: JsonDocument
    postchange: JsonDocument
    def __init__(self, prechange: _Optional[_Union[JsonDocument, _Mapping]] = ..., postchange: _Optional[_Union[JsonDocument, _Mapping]] = ...) -> None: ...
