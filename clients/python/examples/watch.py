"""Publishes events and follows their deliveries until each has ended.

`python publish_and_watch.py [TARGET] [RECEIVER_URL]`; without a receiver that listens the
deliveries are retried, which is shown too.
"""

import sys

from tenterhook import AttemptOutcome, Client, DeliveryState

ENDED = (DeliveryState.DELIVERY_STATE_SUCCEEDED, DeliveryState.DELIVERY_STATE_FAILED)

target = sys.argv[1] if len(sys.argv) > 1 else "localhost:50051"
url = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:9000/hook"

with Client(target) as client:
    webhook, _secret = client.create_webhook(
        {
            "display_name": "python example",
            "request": {"url": url},
            "retry": {"max_attempts": 2, "schedule": {"waits": [{"seconds": 1}]}},
        },
        signing_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    try:
        results = client.publish_batch(
            {"type": "created", "object_type": "dcim.site", "data": {"id": number}}
            for number in range(3)
        )
        waiting = {result.event_id for result in results}
        print("published", len(waiting), "events", flush=True)
        # What has ended already is in the list; what is still to come, the watch tells.
        listed = client.list_deliveries(webhook_ids=[webhook.id])
        waiting -= {delivery.event_id for delivery in listed if delivery.state in ENDED}
        with client.watch(resume_token=listed.resume_token, webhook_ids=[webhook.id]) as watch:
            while waiting:
                delivery = next(watch).change.delivery
                outcome = AttemptOutcome.Name(delivery.last_attempt.outcome)
                print(delivery.event_id, DeliveryState.Name(delivery.state), outcome, flush=True)
                if delivery.state in ENDED:
                    waiting.discard(delivery.event_id)
    finally:
        client.webhooks.delete_webhook(webhook_id=webhook.id)
