"""Follows what becomes of every delivery, and goes on where it stopped when it is started again.

`python watch.py [TARGET] [TOKEN_FILE]`
"""

import sys

from tenterhook import Client, DeliveryState, FileCheckpoint, Invalid


def follow(client: Client, place: str) -> None:
    with client.watch(checkpoint=FileCheckpoint(place), position="EARLIEST") as watch:
        for change, _token in watch:
            delivery = change.delivery
            # What this does not finish comes again after a crash.
            print(delivery.event_id, DeliveryState.Name(delivery.state), flush=True)


def main(target: str = "localhost:50051", place: str = "deliveries.token") -> None:
    with Client(target) as client:
        try:
            follow(client, place)
        except Invalid as error:
            # Too long away: what was missed is in the list of deliveries.
            print("the token is no longer kept:", error, file=sys.stderr)
            raise SystemExit(1) from error


if __name__ == "__main__":
    main(*sys.argv[1:])
