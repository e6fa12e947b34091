"""Receives webhooks with FastAPI.

    webhook = tenterhook.fastapi.Webhook(secret)

    @app.post("/hook", status_code=204)
    async def hook(event: Annotated[WebhookEvent, Depends(webhook)]) -> None: ...

An exception of the endpoint is answered with 500, after which the server tries again. An event that was handled
before does not reach the endpoint.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from .receive import Receiver, Refused, WebhookEvent


class Webhook:
    """A dependency that gives the event; `options` are those of `tenterhook.receive.Receiver`."""

    def __init__(self, secrets: str | Iterable[str], **options: Any) -> None:
        self._receiver = Receiver(secrets, **options)

    async def __call__(self, request: Request) -> AsyncIterator[WebhookEvent]:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._receiver.max_bytes:
                break
        try:
            event = self._receiver.accept(request.headers, bytes(body))
        except Refused as refused:
            raise HTTPException(refused.status, str(refused)) from None
        yield event
        # Not reached when the endpoint raised.
        self._receiver.done(event)


# FastAPI reads annotations of a callable's own module, in which they are texts.
Webhook.__call__.__annotations__ = {"request": Request, "return": AsyncIterator[WebhookEvent]}
