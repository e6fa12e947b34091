"""Receives webhooks with Django.

    @tenterhook.django.webhook(secret)
    def hook(request: HttpRequest, event: WebhookEvent) -> HttpResponse | None: ...

None is answered with 204, an exception with 500, after which the server tries again. An event that was handled
before does not reach the view. The view takes only POST and needs no CSRF token; it must not be asynchronous.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from .receive import Receiver, Refused


def webhook(secrets: str | Iterable[str], **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of views; `options` are those of `tenterhook.receive.Receiver`."""
    receiver = Receiver(secrets, **options)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def receive(request: HttpRequest, *arguments: Any, **fields: Any) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            try:
                # Not `request.body`: that has a limit of its own, of the settings.
                event = receiver.accept(request.headers, request.read(receiver.max_bytes + 1))
            except Refused as refused:
                text = "" if refused.status == 204 else str(refused)
                return HttpResponse(text, status=refused.status, content_type="text/plain")
            response: HttpResponse | None = view(request, event, *arguments, **fields)
            receiver.done(event)
            return HttpResponse(status=204) if response is None else response

        exempt: Callable[..., Any] = csrf_exempt(receive)
        return exempt

    return decorate
