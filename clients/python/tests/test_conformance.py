"""The shared scenarios against a real server, by both clients; run by `make test-clients`."""

import os

import pytest
from conformance import Runner, scenarios

CONTROL = os.environ.get("TENTERHOOK_CONTROL")
SCENARIOS = list(scenarios())


def test_there_are_enough_scenarios():
    assert len(SCENARIOS) >= 60
    assert len({name for name, _, _ in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.skipif(CONTROL is None, reason="needs the harness: make test-clients")
@pytest.mark.parametrize(("name", "given", "steps"), SCENARIOS, ids=[name for name, _, _ in SCENARIOS])
def test_scenario(kind, name, given, steps):
    runner = Runner(kind, CONTROL, given)
    try:
        runner.run(steps)
    finally:
        runner.close()
