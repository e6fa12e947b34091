"""From native values to messages: dictionaries, JSON, times, durations."""

from __future__ import annotations

import functools
import json
import math
import re
import reprlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from .ids import new_id
from .v1.event_pb2 import Event, JsonDocument
from .v1.event_service_pb2 import BatchPublishEventsRequest, PublishEventRequest
from .verification import Scheme

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .v1.calls import EventFields

M = TypeVar("M", bound=Message)
# What a field takes, by its type in C++, of which there are few.
_WANTED = {
    FieldDescriptor.CPPTYPE_STRING: "text",
    FieldDescriptor.CPPTYPE_BOOL: "boolean",
    FieldDescriptor.CPPTYPE_ENUM: "value of its enum",
    FieldDescriptor.CPPTYPE_INT32: "32-bit integer",
    FieldDescriptor.CPPTYPE_UINT32: "32-bit integer that is not negative",
    FieldDescriptor.CPPTYPE_INT64: "64-bit integer",
    FieldDescriptor.CPPTYPE_UINT64: "64-bit integer that is not negative",
    FieldDescriptor.CPPTYPE_FLOAT: "number",
    FieldDescriptor.CPPTYPE_DOUBLE: "number",
}
# Levels of nesting that the server takes.
_DEPTH_MAX = 128
# What to give instead of some values that are no JSON.
_INSTEAD: tuple[tuple[type, str], ...] = (
    (date, ": give its isoformat()"),
    (bytes, ": give its base64 as text"),
    (set, ": give a list"),
)
_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def event(type: str, **fields: Unpack[EventFields]) -> Event:
    """An event from native values: `data` and `snapshots` (`prechange`, `postchange`) are
    JSON values, times are `datetime`s with a time zone. None leaves a field unset."""
    return build(Event, {"type": type, **fields})


def json_document(value: Any) -> JsonDocument:
    """A JSON value as it is sent. What JSON does not have is refused, such as not-a-number, bytes, times and half of a
    surrogate pair; the error says where it stands."""
    try:
        return JsonDocument(json=_encode(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise _find_fault(value, "", 0) or error from None


def _find_fault(value: Any, path: str, depth: int) -> TypeError | ValueError | None:
    """What is no JSON in a value that could not be written."""
    where = path or "the value"
    if value is None or isinstance(value, (bool, int)):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else ValueError(f"{where} is {value}, which JSON has no number for")
    if isinstance(value, str):
        return ValueError(f"{where} has half of a surrogate pair, which is no text") if _is_broken(value) else None
    if depth > _DEPTH_MAX:
        return ValueError(f"the value is nested more than {_DEPTH_MAX} levels deep, or contains itself")
    members: Iterable[tuple[str, Any]]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, (str, int, float, type(None))) or _find_fault(key, "", 0):
                return TypeError(f"a key of {where} is {key!r}: the names of members are texts")
        members = ((f"{path}.{key}" if path else str(key), inside) for key, inside in value.items())
    elif isinstance(value, (list, tuple)):
        members = ((f"{path}[{index}]", inside) for index, inside in enumerate(value))
    else:
        instead = next((text for kind, text in _INSTEAD if isinstance(value, kind)), "")
        return TypeError(f"{where} is of type {type(value).__name__}, which JSON does not have{instead}")
    return next((fault for name, inside in members if (fault := _find_fault(inside, name, depth + 1))), None)


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def json_value(document: JsonDocument) -> Any:
    """The value of a document that the server sent; None when it is unset."""
    return json.loads(document.json) if document.json else None


def build(kind: type[M], fields: Mapping[str, Any]) -> M:
    """A message of native values: mappings become messages, whatever stands for a
    `JsonDocument` becomes JSON, `datetime` and `timedelta` become times and durations."""
    converters = _converters(kind)  # type: ignore[arg-type]  # a class has a hash, a message has none
    values = {}
    for name, value in fields.items():
        if name not in converters:
            raise TypeError(f"{kind.DESCRIPTOR.name} has no field {name!r}")
        if value is not None:
            convert = converters[name]
            values[name] = convert(value) if convert else value
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise _named(kind, values, error) from None


def _named(kind: type[Message], values: Mapping[str, Any], error: TypeError | ValueError) -> Exception:
    """The error with the field at fault, of which protobuf says nothing."""
    for name, value in values.items():
        try:
            kind(**{name: value})
        except (TypeError, ValueError) as fault:
            field = kind.DESCRIPTOR.fields_by_name[name]
            wanted = "mapping" if _is_map(field) else _WANTED.get(field.cpp_type, "message")
            if _is_repeated(field) and not _is_map(field):
                wanted = f"list of {wanted}"
            return type(fault)(f"{kind.DESCRIPTOR.name}.{name}: {reprlib.repr(value)} is no {wanted}")
    return error


def identify(request: M) -> M:
    """Gives events and requests an id of their own if they have none, so that the server
    recognises a repeat."""
    if isinstance(request, PublishEventRequest):
        _identify_event(request.event)
    elif isinstance(request, BatchPublishEventsRequest):
        for one in request.events:
            _identify_event(one)
    elif "request_id" in request.DESCRIPTOR.fields_by_name and not getattr(request, "request_id"):
        setattr(request, "request_id", str(uuid.uuid4()))
    return request


def as_event(value: Event | Mapping[str, Any]) -> Event:
    """A copy of the event, with an id."""
    if isinstance(value, Event):
        made = Event()
        made.CopyFrom(value)
    else:
        made = build(Event, value)
    return _identify_event(made)


def as_request(kind: type[M], request: M | None, fields: Mapping[str, Any]) -> M:
    """A request of its own from a message or from fields."""
    if request is None:
        return identify(build(kind, fields))
    if fields:
        raise TypeError("give a request or its fields, not both")
    made = kind()
    made.CopyFrom(request)
    return identify(made)


def _identify_event(one: Event) -> Event:
    if not one.id:
        one.id = new_id()
    return one


def _is_repeated(field: Any) -> bool:
    # `is_repeated` came with protobuf 6.31; `label` is on its way out.
    repeated = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if repeated is None else repeated)


@functools.cache
def _converters(kind: type[Message]) -> dict[str, Callable[[Any], Any] | None]:
    """How the value of each field is made; None takes it as it is."""
    return {field.name: _converter(field) for field in kind.DESCRIPTOR.fields}


def _is_map(field: Any) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _converter(field: Any) -> Callable[[Any], Any] | None:
    convert: Callable[[Any], Any]
    if field.enum_type is not None:
        convert = functools.partial(_enum_value, field)
    elif field.message_type is None or _is_map(field):
        return None
    else:
        convert = functools.partial(_convert, message_factory.GetMessageClass(field.message_type))
    if not _is_repeated(field):
        return convert

    def convert_all(values: Any) -> list[Any]:
        if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
            raise TypeError(f"{field.name} takes a list")
        return [convert(one) for one in values]

    return convert_all


def _enum_value(field: Any, value: Any) -> Any:
    """The label of a text, with or without the name of the enum before it, or of a `Scheme` for verifying."""
    label = value.name if isinstance(value, Scheme) else value
    if not isinstance(label, str):
        return value
    labels = field.enum_type.values_by_name
    prefix = re.sub(r"(?<=.)(?=[A-Z])", "_", field.enum_type.name).upper()
    for known in (label, f"{prefix}_{label}"):
        if known in labels:
            return known
    raise ValueError(f"{field.name}: {label!r} is none of {', '.join(labels)}")


def _convert(kind: type[Message], value: Any) -> Message:
    if isinstance(value, Message):
        return value
    if kind is JsonDocument:
        return json_document(value)
    if kind is Timestamp and isinstance(value, datetime):
        return _timestamp(value)
    if kind is Duration and isinstance(value, timedelta):
        made = Duration()
        made.FromTimedelta(value)
        return made
    if kind is FieldMask and isinstance(value, (list, tuple)):
        return FieldMask(paths=value)
    if isinstance(value, Mapping):
        return build(kind, value)
    raise TypeError(f"{kind.DESCRIPTOR.name} cannot be made of {type(value).__name__}")


def _timestamp(moment: datetime) -> Timestamp:
    if moment.tzinfo is None:
        raise ValueError("a time needs a time zone, such as datetime.timezone.utc")
    made = Timestamp()
    made.FromDatetime(moment)
    return made
