"""Receivers in their real frameworks, given requests as the server signs them, and real deliveries."""

import asyncio
import contextlib
import json
import logging
import threading
import time
import urllib.error
import urllib.request
import wsgiref.simple_server
from typing import Annotated

import django.conf
import django.core.wsgi
import fastapi
import flask
import pytest
from django.urls import path

import tenterhook.django
import tenterhook.fastapi
import tenterhook.flask
from tenterhook import Client, InvalidSignature, Misconfigured, RecentIds, WebhookEvent, parse, sign_for_test

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = json.dumps(
    {
        "event": "created", "timestamp": "2026-03-06T15:11:23.503186+00:00", "model": "site", "username": "admin",
        "request_id": None, "data": {"name": "Zürich"}, "snapshots": {"prechange": None, "postchange": {"id": 1}},
    },
    ensure_ascii=False,
).encode()  # fmt: skip
urlpatterns = []


class Handled:
    """What a receiver does: it notes events, and fails as often as it is asked to."""

    def __init__(self):
        self.events = []
        self.failures = 0

    def __call__(self, event):
        assert isinstance(event, WebhookEvent)
        if self.failures > 0:
            self.failures -= 1
            raise RuntimeError("not today")
        self.events.append(event)


def of_flask(handled, secret):
    app = flask.Flask(__name__)

    @app.post("/hook")
    @tenterhook.flask.webhook(secret)
    def hook(event: WebhookEvent) -> None:
        handled(event)

    return app, lambda body, headers: app.test_client().post("/hook", data=body, headers=headers).status_code


def of_django(handled, secret):
    if not django.conf.settings.configured:
        django.conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="test")

    @tenterhook.django.webhook(secret)
    def hook(request, event):
        handled(event)

    urlpatterns[:] = [path("hook", hook)]
    django.urls.clear_url_caches()
    app = django.core.wsgi.get_wsgi_application()
    from django.test import Client as Web

    def post(body, headers):
        web = Web(raise_request_exception=False)
        return web.post("/hook", body, content_type="application/json", headers=headers).status_code

    return app, post


def of_fastapi(handled, secret):
    app = fastapi.FastAPI()
    webhook = tenterhook.fastapi.Webhook(secret)

    @app.post("/hook", status_code=204)
    def hook(event: Annotated[WebhookEvent, fastapi.Depends(webhook)]) -> None:
        handled(event)

    return app, lambda body, headers: asyncio.run(post_asgi(app, body, headers))


async def post_asgi(app, body, headers):
    """What an ASGI server does with a request: two chunks come in, a status goes out."""
    half = len(body) // 2
    chunks = [{"body": body[:half], "more_body": True}, {"body": body[half:], "more_body": False}]
    sent = []

    async def receive():
        return {"type": "http.request", **chunks.pop(0)} if chunks else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/hook", "raw_path": b"/hook", "query_string": b"", "root_path": "", "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1), "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    with contextlib.suppress(RuntimeError):  # what the endpoint raised goes on to the server's log
        await app(scope, receive, send)
    return sent[0]["status"]


FRAMEWORKS = {"flask": of_flask, "django": of_django, "fastapi": of_fastapi}


@pytest.fixture(params=FRAMEWORKS)
def receiver(request):
    handled = Handled()
    _, post = FRAMEWORKS[request.param](handled, SECRET)
    return handled, post


def test_an_event_reaches_its_handler_once(receiver):
    handled, post = receiver
    headers = sign_for_test(BODY, SECRET, id="e1")
    assert post(BODY, headers) == 204
    assert post(BODY, headers) == 204
    (event,) = handled.events
    assert (event.id, event.type, event.model, event.username) == ("e1", "created", "site", "admin")
    assert event.data == {"name": "Zürich"} and event.postchange == {"id": 1} and event.prechange is None
    assert event.time.year == 2026 and event.time.utcoffset() is not None
    assert event.raw == BODY


def test_an_event_whose_handler_fails_comes_again(receiver):
    handled, post = receiver
    handled.failures = 1
    headers = sign_for_test(BODY, SECRET, id="e1")
    assert post(BODY, headers) == 500
    assert post(BODY, headers) == 204
    assert len(handled.events) == 1


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, BODY, 401),
        (sign_for_test(BODY, SECRET), BODY + b" ", 401),
        (sign_for_test(BODY, SECRET, now=1), BODY, 401),
        (sign_for_test(b"x" * (1024 * 1024 + 1), SECRET), b"x" * (1024 * 1024 + 1), 413),
        (sign_for_test(b"no event", SECRET), b"no event", 500),
    ],
)
def test_what_is_not_to_be_trusted_is_refused(receiver, headers, body, status):
    handled, post = receiver
    assert post(body, headers) == status
    assert handled.events == []


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_wrong_secret_of_the_receiver_is_logged_and_no_401(framework, caplog):
    handled = Handled()
    _, post = FRAMEWORKS[framework](handled, "")
    with caplog.at_level(logging.ERROR, "tenterhook.receive"):
        assert post(BODY, sign_for_test(BODY, SECRET)) == 500
    assert "a secret is empty" in caplog.text and handled.events == []


def test_parse_tells_an_attack_from_a_template():
    with pytest.raises(InvalidSignature):
        parse({}, BODY, SECRET)
    with pytest.raises(Misconfigured, match="body template"):
        parse(sign_for_test("[]", SECRET), b"[]", SECRET)


def test_recent_ids_forget_the_oldest():
    recent = RecentIds(limit=2)
    for one in "abc":
        recent.add(one)
    assert [recent.has(one) for one in "abc"] == [False, True, True]


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        """Says nothing."""


@pytest.mark.parametrize("framework", ["flask", "django"])
def test_real_deliveries_arrive(framework, control):
    """Over a socket, from the server, whose first attempt the handler fails."""
    with urllib.request.urlopen(control + "/") as response:
        target = json.load(response)["target"]
    handled = Handled()
    handled.failures = 1
    app, _ = FRAMEWORKS[framework](handled, SECRET)
    if framework == "flask":
        app.logger.disabled = True
    web = wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=Quiet)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    namespace = f"receive-{framework}-{time.time_ns()}"
    with Client(target, namespace=namespace) as client:
        webhook = {
            "display_name": framework, "request": {"url": f"http://127.0.0.1:{web.server_port}/hook"},
            "signing": {"schemes": ["SIGNATURE_SCHEME_STANDARD_WEBHOOKS"]},
            "retry": {"exponential": {"initial": {"seconds": 1}}},
        }  # fmt: skip
        client.create_webhook(webhook, SECRET)
        result = client.publish("created", id="e1", object_type="dcim.site", data={"name": "Zürich"})
        assert result.delivery_count == 1
        until = time.monotonic() + 20
        while not handled.events and time.monotonic() < until:
            time.sleep(0.02)
    web.shutdown()
    web.server_close()
    (event,) = handled.events
    assert (event.id, event.type, event.model, event.data) == ("e1", "created", "site", {"name": "Zürich"})
