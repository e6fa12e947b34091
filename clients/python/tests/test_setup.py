"""What a client tells of its connection, and what no further try will mend."""

import logging
import pickle

import grpc
import pytest

from fakes import Refuse
from test_watch import change, silent

from tenterhook import ApiKeyFile, Client, Closed, FieldViolation, Invalid, Unavailable
from tenterhook.connection import Connection
from tenterhook.errors import from_rpc_error

Code = grpc.StatusCode


class Failed(grpc.RpcError):
    def __init__(self, code, details):
        super().__init__()
        self.code, self.details = lambda: code, lambda: details
        self.trailing_metadata = tuple


@pytest.mark.parametrize(
    ("details", "advice"),
    [
        ("last error: Ssl handshake failed: CERTIFICATE_VERIFY_FAILED: self signed certificate", "certificate"),
        ("Hostname Verification Check failed.", "certificate"),
        ("Ssl handshake failed: SSL_ERROR_SSL: WRONG_VERSION_NUMBER", "http://"),
        ("Failed parsing HTTP/2 (Trying to connect an http1.x server (HTTP status 400))", "https://"),
        ("DNS resolution failed for nowhere.example:443: Domain name not found", "no such host"),
        ("getaddrinfo: Name or service not known", "no such host"),
    ],
)
def test_what_no_further_try_will_mend_is_permanent(details, advice):
    error = from_rpc_error(Failed(Code.UNAVAILABLE, details))
    assert isinstance(error, Unavailable) and error.permanent
    assert advice in error.message and details in error.message


def test_an_error_goes_from_process_to_process():
    violation = FieldViolation("event.type", "must be set")
    invalid = Invalid(Code.INVALID_ARGUMENT, "event.type: must be set", field_violations=(violation,), metadata={"a": "b"})
    for error in (invalid, Closed()):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("details", ["failed to connect to all addresses: Connection refused", "Socket closed"])
def test_a_server_that_is_away_may_come_back(details):
    assert not from_rpc_error(Failed(Code.UNAVAILABLE, details)).permanent
    assert not from_rpc_error(Failed(Code.INTERNAL, "WRONG_VERSION_NUMBER")).permanent


@pytest.mark.parametrize(
    ("target", "address", "secure"),
    [
        ("https://hooks.example.com", "hooks.example.com:443", True),
        ("https://hooks.example.com/", "hooks.example.com:443", True),
        ("https://[::1]", "[::1]:443", True),
        ("https://hooks.example.com:8443", "hooks.example.com:8443", True),
        ("http://hooks.example.com", "hooks.example.com:80", False),
        ("hooks.example.com:50051", "hooks.example.com:50051", True),
        ("localhost:50051", "localhost:50051", False),
    ],
)
def test_a_url_has_the_port_of_its_scheme(target, address, secure):
    class Api:
        insecure_channel = staticmethod(lambda address, options, interceptors: (address, False))
        secure_channel = staticmethod(lambda address, credentials, options, interceptors: (address, True))

    assert Connection(target).open(Api) == (address, secure)


@pytest.mark.parametrize("target", ["hooks.example.com", "ftp://hooks.example.com", "https://", ":1", "::1"])
def test_a_target_that_is_none_is_refused(target):
    with pytest.raises(ValueError, match="target"):
        Client(target)


def of_tenterhook(caplog):
    """Level and text of what the client logged; an event loop that another test left logs too."""
    records = [record for record in caplog.records if record.name == "tenterhook"]
    return [(record.levelname, record.getMessage()) for record in records]


def test_a_watch_warns_once_while_it_cannot_connect_and_says_when_it_has(client, server, caplog):
    caplog.set_level(logging.INFO, logger="tenterhook")
    unavailable = Refuse(Code.UNAVAILABLE, "away")
    server.answers += [[change(1), unavailable], [unavailable], [unavailable], [change(2), silent(5)]]
    watch = client.watch()
    assert [next(watch).token, next(watch).token] == ["t1", "t2"]
    watch.close()
    told = of_tenterhook(caplog)
    assert [level for level, _ in told] == ["WARNING", "INFO"]
    assert "cannot connect" in told[0][1] and "UNAVAILABLE: away" in told[0][1]
    assert told[1][1] == "watch is connected again, after 3 tries"


def test_a_retry_is_told_at_debug_only(client, server, caplog):
    caplog.set_level(logging.DEBUG, logger="tenterhook")
    server.answers += [Refuse(Code.UNAVAILABLE, "away"), Refuse(Code.NOT_FOUND)]
    with pytest.raises(Exception, match="NOT_FOUND"):
        client.deliveries.get_delivery(delivery_id="dlv")
    ((level, message),) = of_tenterhook(caplog)
    assert level == "DEBUG" and "GetDelivery failed 1 times" in message


def test_an_empty_key_file_is_refused(tmp_path):
    path = tmp_path / "key"
    path.write_text(" \n")
    with pytest.raises(ValueError, match="is empty"):
        ApiKeyFile(path)
