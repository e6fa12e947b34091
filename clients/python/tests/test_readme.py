"""Every Python snippet of the README runs, in order, as one program.

Against the server at TENTERHOOK_TARGET if that is set, else against a scripted one.
"""

import os
import pathlib
import re

import pytest
from fakes import Refuse, error_info

import grpc
from google.rpc import error_details_pb2
from tenterhook import verify
from tenterhook.v1 import (
    delivery_service_pb2,
    event_service_pb2,
    webhook_service_pb2,
)

README = pathlib.Path(__file__).parents[1] / "README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def script(server):
    """The answers that the README's program gets, in order."""
    stream = event_service_pb2.StreamPublishEventsResponse
    outstanding = 1000

    def stored(request, _context):
        nonlocal outstanding
        outstanding -= len(request.events)
        if outstanding > 0:
            server.answers.appendleft(stored)
        results = [{"event_id": event.id, "delivery_count": 1} for event in request.events]
        return event_service_pb2.BatchPublishEventsResponse(results=results)

    fields = error_details_pb2.BadRequest(
        field_violations=[{"field": "event.type", "description": "is required"}]
    )
    server.answers += [
        webhook_service_pb2.CreateWebhookResponse(webhook={"id": "wh"}, signing_secret=SECRET),
        event_service_pb2.PublishEventResponse(result={"event_id": "e", "delivery_count": 1}),
        event_service_pb2.BatchPublishEventsResponse(results=[{"event_id": "e"}] * 100),
        stored,
        *[stream(result={"event_id": "e"}) for _ in range(100)],
        [delivery_service_pb2.WatchDeliveriesResponse(resume_token="t", change={})],
        delivery_service_pb2.ListDeliveriesResponse(resume_token="r"),
        Refuse(grpc.StatusCode.INVALID_ARGUMENT, "bad", error_info("INVALID_FIELD"), fields),
        Refuse(grpc.StatusCode.NOT_FOUND, "none", error_info("WEBHOOK_NOT_FOUND")),
        webhook_service_pb2.PauseWebhookResponse(),
        webhook_service_pb2.ResumeWebhookResponse(),
        webhook_service_pb2.DeleteWebhookResponse(),
    ]


@pytest.fixture
def program(server):
    """What the snippets leave behind when they have all run."""
    target = os.environ.get("TENTERHOOK_TARGET")
    if target is None:
        script(server)
    names = {"__name__": "readme"}
    for snippet in SNIPPETS:
        if target is None:  # answers are in order
            snippet = snippet.replace("client.publisher()", "client.publisher(in_flight=1)")
        exec(snippet.replace("localhost:50051", target or server.target), names)
    return names


def test_the_snippets_run(program):
    assert program["result"].delivery_count >= 1
    assert program["secret"].startswith("whsec_")
    assert program["stored_token"]


def test_the_receiver_of_the_readme_refuses_what_is_not_signed(program):
    web = program["app"].test_client()
    assert web.post("/hook", json={}).status_code == 401


def test_the_receiver_of_the_readme_takes_what_is_signed(program, monkeypatch):
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    monkeypatch.setitem(program, "secret", SECRET)
    monkeypatch.setitem(program, "verify", lambda *given: verify(*given, now=1614265330))
    web = program["app"].test_client()
    response = web.post("/hook", data=body, headers=headers, content_type="application/json")
    assert response.status_code == 204


def test_there_is_a_snippet_for_each_part():
    assert len(SNIPPETS) >= 9
