"""What a type checker must see of both clients. `mypy --strict` reads this; nothing runs it.

Each line with an `ignore` is a mistake: if it is none to the checker, that is an unused `ignore`,
which `--strict` reports.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone

from typing_extensions import assert_type

from tenterhook import (
    Ack,
    AsyncClient,
    Client,
    Delivery,
    Event,
    FileCheckpoint,
    PublishResult,
    RetryPolicy,
    Scheme,
    Webhook,
    WebhookState,
    event,
)
from tenterhook.v1.delivery_service_pb2 import GetDeliveryStatsResponse
from tenterhook.v1.event_service_pb2 import GetEventRequest, GetEventResponse
from tenterhook.v1.webhook_service_pb2 import PauseWebhookResponse


def blocking(client: Client) -> None:
    assert_type(client.publish("created", data={"id": 7}, attributes={"a": "b"}), PublishResult)
    assert_type(client.publish_batch([{"type": "created"}, event("updated")]), list[PublishResult])
    for ack in client.publish_stream([{"type": "created", "deliver_after": datetime.now(timezone.utc)}]):
        assert_type(ack, Ack)
    webhook, secret = client.create_webhook(
        {
            "display_name": "n",
            "request": {"url": "http://127.0.0.1/"},
            "retry": {"schedule": {"waits": [timedelta(seconds=1)]}},
            "signing": {"schemes": ["NETBOX", "SIGNATURE_SCHEME_GITHUB", Scheme.STANDARD_WEBHOOKS]},
        }
    )
    assert_type(webhook, Webhook)
    assert_type(secret, str)
    for one in client.list_webhooks(states=[WebhookState.WEBHOOK_STATE_ACTIVE]):
        assert_type(one, Webhook)
    for published in client.list_events(event_types=["created"]):
        assert_type(published, Event)
    deliveries = client.list_deliveries(webhook_ids=[webhook.id], page_size=10)
    assert_type([delivery for delivery in deliveries], list[Delivery])
    assert_type(client.get_delivery("dlv"), Delivery)
    for change, token in client.watch(resume_token=deliveries.resume_token, event_types=["a*"]):
        assert_type(change.delivery.event_id, str)
        assert_type(token, str)
    assert_type(client.webhooks.pause_webhook(webhook_id=webhook.id, reason="r"), PauseWebhookResponse)
    assert_type(client.events.get_event(GetEventRequest(event_id="e"), timeout=1.5), GetEventResponse)
    assert_type(client.deliveries.get_delivery_stats(timeout=2), GetDeliveryStatsResponse)


async def with_asyncio(client: AsyncClient, events: AsyncIterator[Event]) -> None:
    assert_type(await client.publish("created", snapshots={"prechange": None}), PublishResult)
    async for ack in client.publish_stream(events):
        assert_type(ack, Ack)
    async for one in client.list_webhooks(labels={"team": "net"}):
        assert_type(one, Webhook)
    place = FileCheckpoint("deliveries.token")
    async for change, _token in client.watch(checkpoint=place, bookmark_interval=timedelta(seconds=5)):
        assert_type(change.delivery, Delivery)
    assert_type(await client.webhooks.pause_webhook(webhook_id="wh"), PauseWebhookResponse)
    assert_type(await client.events.get_event(GetEventRequest(event_id="e")), GetEventResponse)


def mistakes(client: Client, other: AsyncClient) -> None:
    Client("localhost:50051", retry=RetryPolicy(), timeout="10")  # type: ignore[arg-type]
    client.publish(7)  # type: ignore[arg-type]
    client.publish("created", usrname="jstretch")  # type: ignore[call-arg]
    client.publish_batch([{"data": 1}])  # type: ignore[list-item]
    client.create_webhook({"display_nam": "n"})  # type: ignore[arg-type]
    client.watch(checkpoint="deliveries.token")  # type: ignore[arg-type]
    client.watch(position="EARLEST")  # type: ignore[arg-type]
    client.watch(page_size=10)  # type: ignore[call-arg]
    client.webhooks.pause_webhook(webhook_id=7)  # type: ignore[call-overload]
    client.webhooks.pause_webhok(webhook_id="wh")  # type: ignore[attr-defined]
    client.events.get_event(event="e")  # type: ignore[call-overload]
    other.deliveries.cancel_delivery(delivery=1)  # type: ignore[call-overload]
