"""A watch resumes for ever, from what the program was handed and not from what had arrived."""

import threading
import time
from datetime import timedelta

import grpc
import pytest
from fakes import Refuse, error_info

from tenterhook import Client, ErrorReason, Invalid, RetryPolicy, TenterhookError
from tenterhook.v1.delivery_service_pb2 import WatchDeliveriesResponse

Code = grpc.StatusCode
FAST = RetryPolicy(initial=0.01)


def change(number):
    return WatchDeliveriesResponse(
        resume_token=f"t{number}", change={"delivery": {"id": f"d{number}"}}
    )


def bookmark(token):
    return WatchDeliveriesResponse(resume_token=token, bookmark={})


def silent(seconds):
    def wait(_request, context):
        until = time.monotonic() + seconds
        while context.is_active() and time.monotonic() < until:
            time.sleep(0.02)

    return wait


def ids(watch, count):
    found = []
    for item in watch:
        found.append(item.change.delivery.id)
        if len(found) == count:
            return found
    return found


def starts(server):
    return [(request.WhichOneof("start"), request.resume_token) for request in server.requests]


def test_changes_come_with_their_tokens_and_bookmarks_do_not_come(client, server):
    server.answers += [[bookmark("b"), change(1), bookmark("b2"), change(2), silent(5)]]
    watch = client.watch()
    first, second = next(watch), next(watch)
    assert (first.change.delivery.id, first.token) == ("d1", "t1")
    assert second.token == "t2" and watch.resume_token == "t2"
    watch.close()


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.INTERNAL, Code.UNKNOWN, Code.CANCELLED])
def test_a_cut_stream_resumes_after_what_was_handed_out(client, server, code):
    server.answers += [[bookmark("b"), change(1), Refuse(code)], [change(2), silent(5)]]
    watch = client.watch()
    assert ids(watch, 2) == ["d1", "d2"]
    assert starts(server) == [(None, ""), ("resume_token", "t1")]
    watch.close()


def test_what_arrived_but_was_not_handed_out_is_asked_for_again(client, server):
    server.answers += [[change(1), change(2), change(3), silent(5)]]
    watch = client.watch()
    next(watch)
    time.sleep(0.2)
    assert watch.resume_token == "t1"
    watch.close()


def test_a_stream_that_ends_well_is_resumed_too(client, server):
    server.answers += [[change(1)], [], [change(2), silent(5)]]
    watch = client.watch()
    assert ids(watch, 2) == ["d1", "d2"]
    assert starts(server)[1:] == [("resume_token", "t1"), ("resume_token", "t1")]
    watch.close()


def test_a_bookmark_moves_the_place_to_resume(client, server):
    server.answers += [[bookmark("quiet"), Refuse(Code.UNAVAILABLE)], [change(1), silent(5)]]
    watch = client.watch(position="WATCH_POSITION_EARLIEST")
    assert ids(watch, 1) == ["d1"]
    assert starts(server) == [("position", ""), ("resume_token", "quiet")]
    watch.close()


def test_silence_of_three_bookmark_intervals_makes_a_new_connection(client, server):
    server.answers += [[change(1), silent(20)], [change(2), silent(5)]]
    watch = client.watch(bookmark_interval=timedelta(milliseconds=200))
    start = time.monotonic()
    assert ids(watch, 2) == ["d1", "d2"]
    assert 0.5 < time.monotonic() - start < 3
    watch.close()


def test_a_slow_program_is_no_silence(client, server):
    server.answers += [[change(1), change(2), silent(5)]]
    watch = client.watch(bookmark_interval=timedelta(milliseconds=50))
    next(watch)
    time.sleep(0.5)
    assert next(watch).token == "t2" and len(server.requests) == 1
    watch.close()


def test_an_expired_token_ends_the_watch(client, server):
    expired = Refuse(Code.OUT_OF_RANGE, "gone", error_info("RESUME_TOKEN_EXPIRED", oldest_time="t"))
    server.answers += [[expired]]
    watch = client.watch(resume_token="old")
    with pytest.raises(Invalid) as caught:
        next(watch)
    assert caught.value.reason == ErrorReason.ERROR_REASON_RESUME_TOKEN_EXPIRED
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED])
def test_what_cannot_get_better_ends_the_watch(client, server, code):
    server.answers += [[Refuse(code)]]
    with pytest.raises(TenterhookError) as caught:
        next(client.watch())
    assert caught.value.code is code


def test_filters_are_kept_over_a_reconnect(client, server):
    server.answers += [[Refuse(Code.UNAVAILABLE)], [change(1), silent(5)]]
    watch = client.watch(webhook_ids=["wh"], namespace="mine", view="DELIVERY_VIEW_FULL")
    next(watch)
    for request in server.requests:
        assert request.filter.webhook_ids == ["wh"] and request.namespace == "mine"
        assert request.view == 2
    watch.close()


def test_many_cuts_lose_and_repeat_nothing(client, server):
    cut = Refuse(Code.UNAVAILABLE)
    server.answers += [[bookmark(f"b{n}"), change(n), cut] for n in range(20)] + [[silent(5)]]
    watch = client.watch()
    assert ids(watch, 20) == [f"d{n}" for n in range(20)]
    watch.close()


def test_close_from_another_thread_ends_the_iteration(server):
    server.answers += [[change(1), silent(20)]]
    with Client(server.target, retry=FAST) as client, client.watch() as watch:
        next(watch)
        threading.Timer(0.1, watch.close).start()
        assert list(watch) == []


def test_a_watch_that_is_dropped_leaves_no_thread(server):
    server.answers += [[change(1), silent(5)]]
    with Client(server.target, retry=FAST) as client:
        watch = client.watch(bookmark_interval=timedelta(milliseconds=40))
        next(watch)
        before = threading.active_count()
        del watch
        until = time.monotonic() + 5
        while threading.active_count() >= before and time.monotonic() < until:
            time.sleep(0.02)
        assert threading.active_count() < before
