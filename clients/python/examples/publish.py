"""A service that tells what happens to its sites.

`python publish.py [TARGET] [RECEIVER_URL] [SECRET] [REVISION]`
"""

import sys
from dataclasses import asdict, dataclass

from tenterhook import Client, Conflict


@dataclass
class Site:
    id: int
    name: str
    revision: int


class Sites:
    """What the service is about; it has one client for its whole life."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def save(self, site: Site) -> None:
        # The id names what happened, so that telling it twice makes no second event.
        result = self._client.publish(
            "updated",
            id=f"site-{site.id}-{site.revision}",
            object_type="dcim.site",
            data=asdict(site),
            ordering_key=f"site-{site.id}",
        )
        print(result.event_id, "known" if result.duplicate else "new", flush=True)


def subscribe(client: Client, url: str, secret: str) -> None:
    """Makes the webhook, unless an earlier run did."""
    try:
        client.create_webhook(
            {
                "display_name": "sites",
                "request": {"url": url},
                "rules": [{"object_types": ["dcim.site"]}],
                "signing": {"schemes": ["STANDARD_WEBHOOKS"]},
            },
            signing_secret=secret,
        )
    except Conflict as error:
        print("the webhook is there:", error.metadata["webhook_id"], file=sys.stderr)


def main(
    target: str = "localhost:50051",
    url: str = "http://127.0.0.1:9000/hook",
    secret: str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    revision: str = "1",
) -> None:
    with Client(target) as client:
        subscribe(client, url, secret)
        sites = Sites(client)
        for number, name in enumerate(["Zürich", "Genève", "Lugano"]):
            sites.save(Site(number, name, int(revision)))


if __name__ == "__main__":
    main(*sys.argv[1:])
