"""Every shared vector of signing and verifying, and what the vectors cannot say."""

import base64
import json
import pathlib

import pytest

from tenterhook import InvalidSignature, Scheme, verify

ROOT = pathlib.Path(__file__).parents[3]
VECTORS = [
    json.loads(line)
    for line in (ROOT / "tests/fixtures/signatures.jsonl").read_text().splitlines()
]


def body_of(vector):
    encoded = vector.get("body_base64")
    return vector["body"].encode() if encoded is None else base64.b64decode(encoded)


def check(vector, secrets):
    verify(
        vector["headers"], body_of(vector), secrets, vector["now"], scheme=Scheme[vector["scheme"]]
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector):
    if vector["expected"] == "valid":
        check(vector, vector["secrets"])
    else:
        with pytest.raises(InvalidSignature):
            check(vector, vector["secrets"])


SIGNED = [vector for vector in VECTORS if vector["category"] == "sign"]


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector["id"])
def test_a_changed_body_is_refused(vector):
    changed = {**vector, "body": "x" + (vector.get("body") or "")}
    changed.pop("body_base64", None)
    with pytest.raises(InvalidSignature):
        check(changed, vector["secrets"])


def test_there_are_all_the_vectors():
    assert len(VECTORS) >= 101


def test_one_secret_may_be_given_as_text():
    vector = SIGNED[0]
    check(vector, vector["secrets"][0])


def test_no_secret_at_all_verifies_nothing():
    with pytest.raises(InvalidSignature):
        check(SIGNED[0], [])


def test_the_clock_is_read_when_no_time_is_given():
    old = {**SIGNED[0], "now": None}
    with pytest.raises(InvalidSignature, match="too far"):
        check(old, old["secrets"])


def test_a_message_never_tells_the_secret():
    with pytest.raises(InvalidSignature) as caught:
        verify({}, b"", "very-secret", 0)
    assert "very-secret" not in str(caught.value)
