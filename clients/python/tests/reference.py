"""The calls of the API reference, each between its marks; they run against the server of the harness."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tenterhook import Client, SignatureScheme


def create_token(client: Client) -> Any:
    # ANCHOR: CreateToken
    response = client.access.create_token(
        role="viewer",
        display_name="support",
        lifetime=timedelta(hours=1),
    )
    # ANCHOR_END: CreateToken
    return response


def list_tokens(client: Client) -> Any:
    # ANCHOR: ListTokens
    response = client.access.list_tokens(page_size=100)
    # ANCHOR_END: ListTokens
    return response


def revoke_token(client: Client) -> Any:
    # ANCHOR: RevokeToken
    response = client.access.revoke_token(token_id="tok_00000000000000000000000000")
    # ANCHOR_END: RevokeToken
    return response


def get_delivery(client: Client) -> Any:
    # ANCHOR: GetDelivery
    response = client.deliveries.get_delivery(delivery_id="dlv_00000000000000000000000000")
    # ANCHOR_END: GetDelivery
    return response


def retry_delivery(client: Client) -> Any:
    # ANCHOR: RetryDelivery
    response = client.deliveries.retry_delivery(delivery_id="dlv_00000000000000000000000000")
    # ANCHOR_END: RetryDelivery
    return response


def batch_retry_deliveries(client: Client) -> Any:
    # ANCHOR: BatchRetryDeliveries
    response = client.deliveries.batch_retry_deliveries(
        filter={"webhook_ids": ["wh_00000000000000000000000000"], "states": ["FAILED"]},
        validate_only=True,
    )
    # ANCHOR_END: BatchRetryDeliveries
    return response


def cancel_delivery(client: Client) -> Any:
    # ANCHOR: CancelDelivery
    response = client.deliveries.cancel_delivery(delivery_id="dlv_00000000000000000000000000")
    # ANCHOR_END: CancelDelivery
    return response


def batch_cancel_deliveries(client: Client) -> Any:
    # ANCHOR: BatchCancelDeliveries
    response = client.deliveries.batch_cancel_deliveries(
        filter={"webhook_ids": ["wh_00000000000000000000000000"]},
        validate_only=True,
    )
    # ANCHOR_END: BatchCancelDeliveries
    return response


def get_delivery_stats(client: Client) -> Any:
    # ANCHOR: GetDeliveryStats
    response = client.deliveries.get_delivery_stats(
        webhook_id="wh_00000000000000000000000000",
        window=timedelta(days=1),
        bucket_width=timedelta(hours=1),
    )
    # ANCHOR_END: GetDeliveryStats
    return response


def get_event(client: Client) -> Any:
    # ANCHOR: GetEvent
    response = client.events.get_event(event_id="site-7")
    # ANCHOR_END: GetEvent
    return response


def explain_event(client: Client) -> Any:
    # ANCHOR: ExplainEvent
    response = client.events.explain_event(event_id="site-7")
    # ANCHOR_END: ExplainEvent
    return response


def replay_events(client: Client) -> Any:
    # ANCHOR: ReplayEvents
    response = client.events.replay_events(
        webhook_id="wh_00000000000000000000000000",
        filter={"event_types": ["created"]},
        validate_only=True,
    )
    # ANCHOR_END: ReplayEvents
    return response


def get_server_info(client: Client) -> Any:
    # ANCHOR: GetServerInfo
    response = client.server.get_server_info()
    # ANCHOR_END: GetServerInfo
    return response


def list_namespaces(client: Client) -> Any:
    # ANCHOR: ListNamespaces
    response = client.server.list_namespaces(page_size=100)
    # ANCHOR_END: ListNamespaces
    return response


def get_webhook(client: Client) -> Any:
    # ANCHOR: GetWebhook
    response = client.webhooks.get_webhook(webhook_id="wh_00000000000000000000000000")
    # ANCHOR_END: GetWebhook
    return response


def update_webhook(client: Client) -> Any:
    # ANCHOR: UpdateWebhook
    response = client.webhooks.update_webhook(
        webhook={"id": "wh_00000000000000000000000000", "description": "sites of the warehouse"},
        update_mask=["description"],
    )
    # ANCHOR_END: UpdateWebhook
    return response


def delete_webhook(client: Client) -> Any:
    # ANCHOR: DeleteWebhook
    response = client.webhooks.delete_webhook(webhook_id="wh_00000000000000000000000000")
    # ANCHOR_END: DeleteWebhook
    return response


def pause_webhook(client: Client) -> Any:
    # ANCHOR: PauseWebhook
    response = client.webhooks.pause_webhook(
        webhook_id="wh_00000000000000000000000000",
        reason="receiver is being moved",
    )
    # ANCHOR_END: PauseWebhook
    return response


def resume_webhook(client: Client) -> Any:
    # ANCHOR: ResumeWebhook
    response = client.webhooks.resume_webhook(webhook_id="wh_00000000000000000000000000")
    # ANCHOR_END: ResumeWebhook
    return response


def rotate_signing_key(client: Client) -> Any:
    # ANCHOR: RotateSigningKey
    response = client.webhooks.rotate_signing_key(
        webhook_id="wh_00000000000000000000000000",
        grace_period=timedelta(days=1),
    )
    # ANCHOR_END: RotateSigningKey
    return response


def revoke_signing_key(client: Client) -> Any:
    # ANCHOR: RevokeSigningKey
    response = client.webhooks.revoke_signing_key(
        webhook_id="wh_00000000000000000000000000",
        key_id="key_00000000000000000000000000",
    )
    # ANCHOR_END: RevokeSigningKey
    return response


def render_preview(client: Client) -> Any:
    # ANCHOR: RenderPreview
    response = client.webhooks.render_preview(
        webhook_id="wh_00000000000000000000000000",
        event_id="site-7",
    )
    # ANCHOR_END: RenderPreview
    return response


def test_webhook(client: Client) -> Any:
    # ANCHOR: TestWebhook
    response = client.webhooks.test_webhook(
        webhook_id="wh_00000000000000000000000000",
        event_id="site-7",
    )
    # ANCHOR_END: TestWebhook
    return response


def publish_event(client: Client) -> Any:
    # ANCHOR: PublishEvent
    result = client.publish("created", id="site-7", object_type="dcim.site", data={"name": "Zürich"})
    print(result.event_id, result.delivery_count)
    # ANCHOR_END: PublishEvent
    return result


def batch_publish_events(client: Client) -> Any:
    # ANCHOR: BatchPublishEvents
    results = client.publish_batch([{"type": "created", "data": {"id": n}} for n in range(100)])
    # ANCHOR_END: BatchPublishEvents
    return results


def stream_publish_events(client: Client) -> Any:
    # ANCHOR: StreamPublishEvents
    for ack in client.publish_stream({"type": "created", "data": {"id": n}} for n in range(100)):
        if ack.error is not None:
            print(ack.sequence, ack.error)
    # ANCHOR_END: StreamPublishEvents
    return None


def create_webhook(client: Client) -> Any:
    # ANCHOR: CreateWebhook
    webhook, secret = client.create_webhook(
        {
            "display_name": "sites",
            "request": {"url": "https://example.com/hook"},
            "rules": [{"event_types": ["created", "updated"], "object_types": ["dcim.site"]}],
            "signing": {"schemes": [SignatureScheme.SIGNATURE_SCHEME_STANDARD_WEBHOOKS]},
        }
    )
    # ANCHOR_END: CreateWebhook
    return webhook, secret


def list_webhooks(client: Client) -> Any:
    # ANCHOR: ListWebhooks
    for webhook in client.list_webhooks(labels={"team": "net"}):
        print(webhook.id, webhook.display_name)
    # ANCHOR_END: ListWebhooks
    return None


def list_events(client: Client) -> Any:
    # ANCHOR: ListEvents
    for event in client.list_events(event_types=["created"]):
        print(event.id, event.type)
    # ANCHOR_END: ListEvents
    return None


def list_deliveries(client: Client) -> Any:
    # ANCHOR: ListDeliveries
    for delivery in client.list_deliveries(states=["FAILED"]):
        print(delivery.id, delivery.event_id)
    # ANCHOR_END: ListDeliveries
    return None


def watch_deliveries(client: Client) -> Any:
    # ANCHOR: WatchDeliveries
    with client.watch(position="EARLIEST") as watch:
        for change, token in watch:
            print(change.delivery.id, change.delivery.state, token)
            break  # yours would go on
    # ANCHOR_END: WatchDeliveries
    return None
