"""The calls of the API reference run, against a server that has none of what they name."""

import inspect
import os

import pytest
import reference

from tenterhook import Client, Conflict, NotFound

CALLS = dict(inspect.getmembers(reference, lambda one: inspect.isfunction(one) and one.__module__ == "reference"))


@pytest.fixture(scope="module")
def client():
    target = os.environ.get("TENTERHOOK_TARGET") or pytest.fail("needs the harness: make test-clients")
    with Client(target, namespace="reference-py") as made:
        # What is watched and listed is there in any order of the tests.
        made.create_webhook({"display_name": "first", "request": {"url": "http://127.0.0.1:9/"}})
        made.publish("created")
        yield made


@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_call_runs(client, name):
    try:
        CALLS[name](client)
    except (NotFound, Conflict):
        assert name not in ("publish_event", "create_webhook", "list_events", "watch_deliveries")


def test_there_are_enough_calls():
    assert len(CALLS) >= 31
