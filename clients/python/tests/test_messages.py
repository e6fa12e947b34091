"""Native values become messages, and what cannot is refused."""

import uuid
from datetime import datetime, timedelta, timezone

import pytest

from tenterhook import Event, Scheme, SignatureScheme, Webhook, event, json_document, json_value
from tenterhook.messages import as_event, as_request, build, identify
from tenterhook.v1.delivery_service_pb2 import WatchDeliveriesRequest
from tenterhook.v1.event_service_pb2 import BatchPublishEventsRequest, ReplayEventsRequest
from tenterhook.v1.webhook_service_pb2 import UpdateWebhookRequest


def test_an_event_takes_json_and_times():
    made = event(
        "updated",
        data={"id": 2**70, "name": "Zürich"},
        snapshots={"prechange": {"id": 1}, "postchange": None},
        occur_time=datetime(2026, 3, 6, 15, 11, 23, tzinfo=timezone(timedelta(hours=1))),
        attributes={"site": "ams"},
    )
    assert json_value(made.data) == {"id": 2**70, "name": "Zürich"}
    assert json_value(made.snapshots.prechange) == {"id": 1}
    assert not made.snapshots.HasField("postchange")
    assert made.occur_time.ToJsonString() == "2026-03-06T14:11:23Z"
    assert made.attributes["site"] == "ams"


def test_a_webhook_is_made_of_nested_mappings():
    made = build(
        Webhook,
        {
            "request": {"url": "https://example.com/", "headers": [{"name": "A", "value": "b"}]},
            "rules": [{"event_types": ["created"], "conditions": {"attr": "id", "value": 1}}],
            "retry": {"max_age": timedelta(minutes=2), "schedule": {"waits": [timedelta(seconds=1)]}},
            "signing": {"schemes": ["SIGNATURE_SCHEME_GITHUB"]},
        },
    )
    assert made.request.headers[0].value == "b"
    assert json_value(made.rules[0].conditions) == {"attr": "id", "value": 1}
    assert made.retry.max_age.seconds == 120
    assert made.retry.schedule.waits[0].seconds == 1
    assert made.signing.schemes == [3]


def test_a_mask_is_a_list_of_paths():
    assert build(UpdateWebhookRequest, {"update_mask": ["labels"]}).update_mask.paths == ["labels"]


def test_none_leaves_a_field_unset():
    assert not event("created", data=None).HasField("data")


def test_json_null_is_a_document():
    assert json_document(None).json == "null"
    assert json_value(json_document(None)) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": object()}])
def test_what_json_lacks_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        event("created", data=value)


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        event("created", occur_time=datetime(2026, 3, 6))


@pytest.mark.parametrize(
    "fields", [{"no_such": 1}, {"snapshots": {"before": {}}}, {"attributes": "text"}]
)
def test_unknown_fields_are_refused(fields):
    with pytest.raises((TypeError, ValueError)):
        event("created", **fields)


def test_a_text_is_no_list():
    with pytest.raises(TypeError, match="list"):
        build(Webhook, {"rules": {"event_types": ["created"]}})


def test_a_message_of_another_kind_is_refused():
    with pytest.raises(TypeError):
        build(WatchDeliveriesRequest, {"filter": 3})


def test_an_event_without_id_gets_one_and_the_callers_stays_as_it_is():
    mine = Event(type="created")
    first, second = as_event(mine), as_event(mine)
    assert first.id and second.id and first.id != second.id
    assert mine.id == ""


def test_an_id_that_is_there_stays():
    assert as_event({"type": "created", "id": "mine"}).id == "mine"
    batch = identify(BatchPublishEventsRequest(events=[Event(id="a"), Event()]))
    assert batch.events[0].id == "a" and batch.events[1].id


def test_a_request_id_is_made_once_for_all_tries():
    assert as_request(ReplayEventsRequest, None, {}).request_id
    assert as_request(ReplayEventsRequest, ReplayEventsRequest(request_id="r"), {}).request_id == "r"


def test_a_request_and_fields_exclude_each_other():
    with pytest.raises(TypeError):
        as_request(ReplayEventsRequest, ReplayEventsRequest(), {"webhook_id": "x"})


@pytest.mark.parametrize("label", ["SIGNATURE_SCHEME_GITHUB", "GITHUB", Scheme.GITHUB, SignatureScheme.SIGNATURE_SCHEME_GITHUB])
def test_an_enum_takes_its_labels_with_and_without_its_name(label):
    assert build(Webhook, {"signing": {"schemes": [label]}}).signing.schemes == [3]


def test_a_label_that_there_is_not_is_named_with_those_that_there_are():
    with pytest.raises(ValueError, match="schemes: 'GITLAB' is none of .*SIGNATURE_SCHEME_GITHUB"):
        build(Webhook, {"signing": {"schemes": ["GITLAB"]}})
    with pytest.raises(TypeError, match="schemes takes a list"):
        build(Webhook, {"signing": {"schemes": "GITHUB"}})


@pytest.mark.parametrize(
    ("kind", "fields", "says"),
    [
        (Event, {"type": "a", "id": uuid.UUID(int=0)}, r"Event\.id: UUID\(.*\) is no text"),
        (Event, {"type": "a", "attributes": {"k": 1}}, r"Event\.attributes: {'k': 1} is no mapping"),
        (Event, {"type": 7}, r"Event\.type: 7 is no text"),
        (Webhook, {"rules": [{"event_types": [None]}]}, r"EventRule\.event_types: \[None\] is no list of text"),
    ],
)
def test_the_field_at_fault_is_named(kind, fields, says):
    with pytest.raises(TypeError, match=says):
        build(kind, fields)
