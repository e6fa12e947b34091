"""Follows what becomes of every delivery, and goes on where it stopped when it is started again.

`python watch.py [TARGET] [TOKEN_FILE]`
"""

import os
import pathlib
import sys

from tenterhook import Client, DeliveryState, Invalid


def follow(client: Client, place: pathlib.Path) -> None:
    token = place.read_text() if place.exists() else ""
    earliest = None if token else "WATCH_POSITION_EARLIEST"
    with client.watch(resume_token=token or None, position=earliest) as watch:
        for change, token in watch:
            delivery = change.delivery
            print(delivery.event_id, DeliveryState.Name(delivery.state), flush=True)
            # Only now: what was not acted on comes again after a crash.
            store(place, token)


def store(place: pathlib.Path, token: str) -> None:
    """All of it or nothing, also over a crash of the machine."""
    fresh = place.with_suffix(".new")
    with fresh.open("w") as file:
        file.write(token)
        file.flush()
        os.fsync(file.fileno())  # it is on the disk before it takes the place of the one before
    fresh.replace(place)


def main(target: str = "localhost:50051", place: str = "deliveries.token") -> None:
    with Client(target) as client:
        try:
            follow(client, pathlib.Path(place))
        except Invalid as error:
            # Too long away: what was missed is in the list of deliveries.
            print("the token is no longer kept:", error, file=sys.stderr)
            raise SystemExit(1) from error


if __name__ == "__main__":
    main(*sys.argv[1:])
