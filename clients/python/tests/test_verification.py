"""Every shared vector of signing and verifying, and what the vectors cannot say."""

import base64
import json
import pathlib
import subprocess
import sys

import pytest

from tenterhook import InvalidSignature, Misconfigured, Scheme, sign_for_test, verify

ROOT = pathlib.Path(__file__).parents[3]
VECTORS = [
    json.loads(line)
    for line in (ROOT / "tests/fixtures/signatures.jsonl").read_text().splitlines()
]


def body_of(vector):
    encoded = vector.get("body_base64")
    return vector["body"].encode() if encoded is None else base64.b64decode(encoded)


def check(vector, secrets):
    # A public key among the secrets is what makes the difference.
    scheme = Scheme[vector["scheme"].removesuffix("_ASYMMETRIC")]
    verify(vector["headers"], body_of(vector), secrets, vector["now"], scheme=scheme)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector):
    if vector["expected"] == "valid":
        check(vector, vector["secrets"])
    else:
        with pytest.raises((InvalidSignature, Misconfigured)):
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


def test_a_public_key_signs_nothing():
    with pytest.raises(Misconfigured, match="public key"):
        sign_for_test(b"{}", "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=")


def test_no_secret_at_all_verifies_nothing():
    with pytest.raises(Misconfigured):
        check(SIGNED[0], [])


def test_the_clock_is_read_when_no_time_is_given():
    old = {**SIGNED[0], "now": None}
    with pytest.raises(InvalidSignature, match="too far"):
        check(old, old["secrets"])


def test_a_message_never_tells_the_secret():
    with pytest.raises(Misconfigured) as caught:
        verify({}, b"", "very-secret", 0)
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("secrets", ["", "whsec_", "whsec_ä", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""], [None]])
def test_a_wrong_secret_is_no_attack(secrets):
    with pytest.raises(Misconfigured):
        verify({}, b"", secrets, 0)


@pytest.mark.parametrize("body", ["{}", {}, None])
def test_a_parsed_body_is_no_attack(body):
    with pytest.raises(Misconfigured, match="not bytes"):
        verify({}, body, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0)


def test_headers_may_be_bytes_as_asgi_has_them():
    headers = {name.encode(): value.encode() for name, value in SIGNED[0]["headers"].items()}
    check({**SIGNED[0], "headers": headers}, SIGNED[0]["secrets"])


@pytest.mark.parametrize("vector", [v for v in SIGNED if len(v["secrets"]) == 1], ids=lambda vector: vector["id"])
def test_what_is_signed_for_a_test_is_what_the_server_signs(vector):
    options = {"id": vector["id_header"]} if vector.get("id_header") else {}
    now = vector.get("timestamp") or vector["now"]
    made = sign_for_test(body_of(vector), vector["secrets"][0], now, scheme=Scheme[vector["scheme"]], **options)
    assert {name.lower(): value for name, value in vector["headers"].items()} == made


def test_a_receiver_does_not_load_grpc():
    program = "import sys, tenterhook; tenterhook.parse, tenterhook.verify; print('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
