"""How a publisher gathers, bounds and orders; its results over a crash are in the shared scenarios."""

import asyncio
import threading
import time

import grpc
import pytest
from fakes import Refuse, error_info
from google.rpc import error_details_pb2

from tenterhook import AsyncClient, Client, Closed, Conflict, Invalid, PublisherFull, RetryPolicy
from tenterhook.v1.event_service_pb2 import BatchPublishEventsResponse

FAST = RetryPolicy(initial=0.01)


def stored(request, _context):
    return BatchPublishEventsResponse(results=[{"event_id": event.id} for event in request.events])


def sizes(server):
    return [len(request.events) for request in server.requests]


@pytest.fixture(params=["sync", "async"])
def publish_all(request, server):
    """Publishes events by a publisher, waits for the results, and gives each: an id or an exception."""

    def blocking(events, options):
        with Client(server.target, retry=FAST) as client, client.publisher(**options) as publisher:
            publications = [publisher.publish(**event) for event in events]
            publisher.flush()
            assert all(one.done() for one in publications)
            assert all(one.event_id for one in publications)
            return [one.exception() or one.result().event_id for one in publications]

    async def asynchronous(events, options):
        async with AsyncClient(server.target, retry=FAST) as client, client.publisher(**options) as publisher:
            publications = [await publisher.publish(**event) for event in events]
            await publisher.flush()
            assert all(one.event_id for one in publications)
            return [one.exception() or one.result().event_id for one in publications]

    def publish_all(events, **options):
        if request.param == "sync":
            return blocking(events, options)
        return asyncio.run(asynchronous(events, options))

    return publish_all


def events(count, **fields):
    return [{"type": "t", "id": f"e{n}", **fields} for n in range(count)]


def test_events_go_in_batches_of_the_size_that_is_set(server, publish_all):
    server.answers += [stored] * 9
    assert publish_all(events(25), max_events=10, linger=5, in_flight=1) == [f"e{n}" for n in range(25)]
    assert sizes(server) == [10, 10, 5]


def test_a_batch_ends_before_it_has_too_many_bytes(server, publish_all):
    server.answers += [stored] * 9
    publish_all(events(4, data="x" * 400), max_bytes=1000, linger=5, in_flight=1)
    assert sizes(server) == [2, 2]


def test_a_batch_goes_when_its_first_event_has_waited_long_enough(server):
    server.answers += [stored] * 2
    with Client(server.target) as client, client.publisher(linger=0.05) as publisher:
        start = time.monotonic()
        publisher.publish("t").result(5)
        assert time.monotonic() - start >= 0.05


def test_one_bad_event_fails_alone(server, publish_all):
    fields = error_details_pb2.BadRequest(field_violations=[{"field": "events[1].type", "description": "is required"}])
    server.answers += [Refuse(grpc.StatusCode.INVALID_ARGUMENT, "bad", error_info("INVALID_FIELD"), fields), stored]
    first, second, third = publish_all(events(3), linger=5)
    assert (first, third) == ("e0", "e2") and isinstance(second, Invalid)
    assert sizes(server) == [3, 2]


def test_an_id_that_is_taken_fails_alone(server, publish_all):
    taken = error_info("EVENT_ID_CONFLICT", event_id="e0")
    server.answers += [Refuse(grpc.StatusCode.ALREADY_EXISTS, "taken", taken), stored]
    first, second = publish_all(events(2), linger=5)
    assert isinstance(first, Conflict) and second == "e1"


def test_what_no_try_would_change_fails_the_batch(server, publish_all):
    server.answers += [Refuse(grpc.StatusCode.PERMISSION_DENIED, "no", error_info("KEY_FORBIDDEN"))]
    assert [type(one).__name__ for one in publish_all(events(2), linger=5)] == ["TenterhookError"] * 2
    assert len(server.requests) == 1


def test_a_batch_is_sent_again_under_its_ids_when_its_fate_is_not_known(server, publish_all):
    server.answers += [Refuse(grpc.StatusCode.INTERNAL, "crash"), Refuse(grpc.StatusCode.UNAVAILABLE), stored]
    assert publish_all(events(2), linger=5) == ["e0", "e1"]
    assert [[event.id for event in request.events] for request in server.requests] == [["e0", "e1"]] * 3


def test_events_of_a_key_are_never_in_two_batches_at_once_and_stay_in_order(server, publish_all):
    in_flight, seen = [], []
    lock = threading.Lock()

    def slow(request, context):
        keys = {event.ordering_key for event in request.events}
        with lock:
            assert not any(keys & others for others in in_flight), "a key is in two batches"
            in_flight.append(keys)
        time.sleep(0.03)
        with lock:
            in_flight.remove(keys)
            seen.extend(event.id for event in request.events)
        return stored(request, context)

    server.answers += [slow] * 100
    made = [{"type": "t", "id": f"{key}{n:02}", "ordering_key": key} for n in range(10) for key in "ab"]
    assert publish_all(made, max_events=3, linger=0.001) == [event["id"] for event in made]
    assert [one for one in seen if one[0] == "a"] == sorted(one for one in seen if one[0] == "a")
    assert [one for one in seen if one[0] == "b"] == sorted(one for one in seen if one[0] == "b")


def test_what_is_outstanding_is_bounded(server):
    release = threading.Event()

    def held(request, context):
        release.wait(5)
        return stored(request, context)

    server.answers += [held, stored, stored]
    with Client(server.target) as client:
        full = client.publisher(outstanding=2, linger=0, when_full="error")
        first = [full.publish("t"), full.publish("t")]
        with pytest.raises(PublisherFull):
            full.publish("t")
        threading.Timer(0.1, release.set).start()
        assert [one.result(5).event_id for one in first] == [one.event_id for one in first]
        full.publish("t").result(5)
        full.close()


def test_a_full_publisher_waits_for_room(server):
    server.answers += [stored] * 50
    with Client(server.target) as client, client.publisher(outstanding=2, max_events=2, linger=0) as publisher:
        publications = [publisher.publish("t") for _ in range(20)]
    assert all(one.result(0).event_id == one.event_id for one in publications)


def test_a_closed_publisher_takes_nothing_more_and_leaves_no_thread(server):
    server.answers += [stored]
    with Client(server.target) as client:
        publisher = client.publisher(linger=60)
        publication = publisher.publish("t")
        publisher.close()
        assert publication.result(0).event_id == publication.event_id
        with pytest.raises(Closed):
            publisher.publish("t")
        workers = [one for one in threading.enumerate() if one.name == "tenterhook-publisher"]
        for worker in workers:
            worker.join(5)
        assert not any(worker.is_alive() for worker in workers)


def test_a_closed_client_fails_what_is_outstanding():
    client = Client("127.0.0.1:1")
    publisher = client.publisher(linger=0)
    publication = publisher.publish("t")
    client.close()
    with pytest.raises(Closed):
        publication.result(5)
    publisher.close()
