"""What the shared scenarios cannot see: how waits and sources behave in Python."""

import asyncio
import time

import pytest
from fakes import Server
from test_watch import bookmark, change, silent

from tenterhook import AsyncClient, Client, Closed, RetryPolicy
from tenterhook.v1.event_service_pb2 import StreamPublishEventsResponse


def test_a_poll_that_finds_nothing_keeps_the_call(server):
    server.answers += [[change(1), silent(0.5), change(2), silent(5)]]
    with Client(server.target) as client, client.watch() as watch:
        assert next(watch).token == "t1"
        assert watch.poll(0.05) is None and watch.poll(0) is None
        assert watch.resume_token == "t1"
        assert watch.poll(5).token == "t2"
        assert len(server.requests) == 1


def test_a_poll_ends_in_time_while_the_server_is_away():
    with Client("127.0.0.1:1", retry=RetryPolicy(initial=30, maximum=60)) as client, client.watch() as watch:
        start = time.monotonic()
        assert watch.poll(0.3) is None and watch.poll(0.3) is None
        assert time.monotonic() - start < 3


def test_a_closed_client_ends_its_watch_once_with_closed(server):
    server.answers += [[bookmark("b"), silent(5)]]
    client = Client(server.target)
    watch = client.watch()
    assert watch.poll(0.1) is None
    client.close()
    with pytest.raises(Closed):
        next(watch)
    assert list(watch) == []
    with pytest.raises(Closed):
        client.watch()


def test_a_timeout_around_the_wait_does_not_end_an_async_watch(server):
    server.answers += [[change(1), silent(0.5), change(2), silent(5)]]

    async def main():
        async with AsyncClient(server.target) as client:
            watch = client.watch()
            found = [(await anext(watch)).token]
            for _ in range(3):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(watch), 0.05)
            found.append((await anext(watch)).token)
            return found

    assert asyncio.run(main()) == ["t1", "t2"]
    assert len(server.requests) == 1


def test_an_event_that_cannot_be_encoded_is_an_error_and_no_cancellation(server):
    server.answers += [StreamPublishEventsResponse(result={"event_id": "e"})]

    async def events():
        yield {"type": "order", "data": {"n": 1}}
        yield {"type": "order", "data": {"when": object()}}

    async def main():
        async with AsyncClient(server.target) as client:
            return [ack async for ack in client.publish_stream(events())]

    with pytest.raises(TypeError, match="when is of type object, which JSON does not have"):
        asyncio.run(main())


def test_an_async_stream_takes_a_list(server):
    server.answers += [StreamPublishEventsResponse(result={"event_id": "e"})] * 2

    async def main():
        async with AsyncClient(server.target) as client:
            return [ack.sequence async for ack in client.publish_stream([{"type": "a"}, {"type": "b"}])]

    assert asyncio.run(main()) == [0, 1]


def test_a_client_serves_one_loop_after_the_other():
    server = Server()
    client = AsyncClient(server.target)

    async def publish():
        server.answers += [StreamPublishEventsResponse(result={"event_id": "e"})]
        return [ack.result.event_id async for ack in client.publish_stream([{"type": "a"}])]

    assert asyncio.run(publish()) == asyncio.run(publish()) == ["e"]
    asyncio.run(client.close())
    server.stop()


@pytest.mark.parametrize("field", ["initial", "multiplier", "maximum"])
def test_a_policy_field_of_zero_takes_its_default(field):
    plain = RetryPolicy(jitter=0)
    zero = RetryPolicy(**{"jitter": 0, field: 0})
    assert [zero.wait(n) for n in range(9)] == [plain.wait(n) for n in range(9)]
