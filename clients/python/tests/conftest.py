import os

import pytest
from fakes import Server, open_client, shut

from tenterhook import RetryPolicy


@pytest.fixture(params=["sync", "async"])
def kind(request):
    return request.param


@pytest.fixture
def control():
    """The URL of the harness."""
    return os.environ.get("TENTERHOOK_CONTROL") or pytest.fail("needs the harness: make test-clients")


@pytest.fixture
def server():
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def connect(kind, server):
    """Makes clients of `kind` that retry fast; closes them afterwards."""
    made = []

    def make(**options):
        options.setdefault("retry", RetryPolicy(initial=0.01))
        made.append(open_client(kind, server.target, **options))
        return made[-1]

    yield make
    for client in made:
        shut(client)


@pytest.fixture
def client(connect):
    return connect()
