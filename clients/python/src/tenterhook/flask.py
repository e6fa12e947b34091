"""Receives webhooks with Flask.

    @app.post("/hook")
    @tenterhook.flask.webhook(secret)
    def hook(event: WebhookEvent) -> None: ...

The view gets the event, before what the route gives. None is answered with 204, an exception with 500, after
which the server tries again. An event that was handled before does not reach the view.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import flask

from .receive import Receiver, Refused


def webhook(secrets: str | Iterable[str], **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of views; `options` are those of `tenterhook.receive.Receiver`."""
    receiver = Receiver(secrets, **options)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def receive(*arguments: Any, **fields: Any) -> Any:
            request = flask.request
            if (request.content_length or 0) > receiver.max_bytes:
                return "the body is too large", 413
            try:
                event = receiver.accept(request.headers, request.stream.read(receiver.max_bytes + 1))
            except Refused as refused:
                return ("" if refused.status == 204 else str(refused)), refused.status
            response = view(event, *arguments, **fields)
            receiver.done(event)
            return ("", 204) if response is None else response

        return receive

    return decorate
