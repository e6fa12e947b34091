"""The shared scenarios against a real server, by both clients; run by `make test-clients`."""

import json

import pytest
from conformance import FIXTURES, Runner, scenarios

from tenterhook import ErrorReason

SCENARIOS = list(scenarios())


def test_there_are_enough_scenarios():
    assert len(SCENARIOS) >= 60
    assert len({name for name, _, _ in SCENARIOS}) == len(SCENARIOS)


def expected_reasons(value):
    """The reason of every `error` in a scenario."""
    if isinstance(value, dict):
        error = value.get("error")
        yield from [error["reason"]] if isinstance(error, dict) and "reason" in error else []
        value = list(value.values())
    if isinstance(value, list):
        for inside in value:
            yield from expected_reasons(inside)


def test_every_reason_has_a_scenario():
    documents = [json.loads(path.read_text()) for path in FIXTURES.glob("*.json")]
    # No caller can make a server fail by its own fault, or take its database away.
    without = {"UNSPECIFIED", "INTERNAL", "STORE_UNAVAILABLE"}
    reasons = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()} - without
    assert set(expected_reasons(documents)) == reasons


@pytest.mark.parametrize(("name", "given", "steps"), SCENARIOS, ids=[name for name, _, _ in SCENARIOS])
def test_scenario(kind, control, name, given, steps):
    runner = Runner(kind, control, given)
    try:
        runner.run(steps)
    finally:
        runner.close()
