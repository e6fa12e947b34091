"""The kit for users' own tests: used here as its documentation shows, with the server under test."""


import pytest

from tenterhook import NotFound, parse
from tenterhook.testing import RecordingReceiver, Server, wait_for

HOOK = {"display_name": "hook", "signing": {"schemes": ["SIGNATURE_SCHEME_STANDARD_WEBHOOKS"]}}


@pytest.fixture(scope="module")
def server():
    with Server() as made:
        yield made


def test_an_event_arrives(server):
    with RecordingReceiver() as receiver:
        client = server.client()
        _, secret = client.create_webhook({**HOOK, "request": {"url": receiver.url + "hook"}})
        event_id = client.publish("created", data={"name": "Zürich"}).event_id
        (delivery,) = wait_for(client, event_id)
        assert len(delivery.attempts) == 1
        (request,) = receiver.wait()
        assert (request.path, request.json["data"]) == ("/hook", {"name": "Zürich"})
        assert parse(request.headers, request.body, secret).id == event_id


def test_a_receiver_can_fail_first_and_a_wait_sees_how_it_ends(server):
    with RecordingReceiver(statuses=[500]) as receiver:
        client = server.client()
        once = {"retry": {"max_attempts": 1}}
        client.create_webhook({**HOOK, **once, "request": {"url": receiver.url}})
        event_id = client.publish("created").event_id
        with pytest.raises(AssertionError, match=rf"of event {event_id} is FAILED: .*500"):
            wait_for(client, event_id)
        assert wait_for(client, event_id, "FAILED")[0].attempts[0].response.status == 500
        with pytest.raises(TimeoutError, match="1 of 2 requests"):
            receiver.wait(2, timeout=0)


def test_a_wait_for_nothing_ends(server):
    client = server.client()
    event_id = client.publish("created").event_id
    with pytest.raises(TimeoutError, match="it has no delivery"):
        wait_for(client, event_id, timeout=0.1)


def test_clients_do_not_see_each_other(server):
    event_id = server.client().publish("created").event_id
    with pytest.raises(NotFound):
        server.client().events.get_event(event_id=event_id, namespace="test-other")
    assert [event.id for event in server.client().list_events()] == []
    assert event_id


def test_a_server_that_does_not_start_says_why(monkeypatch, tmp_path):
    with pytest.raises(RuntimeError, match="--no-such-flag"):
        Server(flags=["--no-such-flag"])
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\necho opening the store\nexec tail -f /dev/null\n")
    slow.chmod(0o755)
    with pytest.raises(RuntimeError, match=r"did not start within 1 s: .*slow serve .*\nopening the store\n$"):
        Server(slow, timeout=1)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="/nowhere is no program.*TENTERHOOK_BIN"):
        Server("/nowhere")
    monkeypatch.delenv("TENTERHOOK_BIN", raising=False)
    with pytest.raises(FileNotFoundError, match="PATH"):
        Server()
