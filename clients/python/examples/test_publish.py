"""How the service of `publish.py` is tested: with the server itself, in memory, by `pytest examples`."""

from publish import Site, Sites, subscribe

from tenterhook import parse
from tenterhook.testing import RecordingReceiver, Server, wait_for

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_saved_site_is_told_once() -> None:
    with Server() as server, RecordingReceiver() as receiver:
        client = server.client()
        subscribe(client, receiver.url, SECRET)
        sites = Sites(client)
        sites.save(Site(7, "Zürich", 1))
        sites.save(Site(7, "Zürich", 1))
        wait_for(client, "site-7-1")
        (request,) = receiver.requests
        event = parse(request.headers, request.body, SECRET)
        assert (event.id, event.data["name"]) == ("site-7-1", "Zürich")
