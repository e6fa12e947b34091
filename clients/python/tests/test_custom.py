"""Every shared vector of custom signatures, and what the vectors cannot say."""

import json
import pathlib
import types

import pytest

from tenterhook import CustomSignature, InvalidSignature, Misconfigured, verify_custom

ROOT = pathlib.Path(__file__).parents[3]
VECTORS = [
    json.loads(line) for line in (ROOT / "tests/fixtures/custom_signatures.jsonl").read_text().splitlines()
]
REFUSALS = {"invalid": InvalidSignature, "misconfigured": Misconfigured}


def check(vector):
    described = [CustomSignature(**fields) for fields in vector["custom"]]
    request = {name: vector[name] for name in ("method", "path") if name in vector}
    verify_custom(vector["headers"], vector["body"].encode(), vector["secrets"], described, vector["now"], **request)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector):
    if vector["expected"] == "valid":
        check(vector)
    else:
        with pytest.raises(REFUSALS[vector["expected"]]):
            check(vector)


def test_there_are_all_the_vectors():
    assert len(VECTORS) >= 58


def test_the_example_of_the_page_verifies_what_slack_published():
    page = (ROOT / "docs/SIGNATURES.md").read_text()
    example = page.split("```python\n")[1].split("```")[0]
    vector = next(vector for vector in VECTORS if vector["id"] == "custom-slack-published")
    names = {
        "request": types.SimpleNamespace(headers=vector["headers"]),
        "body": vector["body"].encode(),
        "secret": vector["secrets"][0],
        "CustomSignature": CustomSignature,
        "verify_custom": lambda *given: verify_custom(*given, vector["now"]),
    }
    exec(example, names)
    names["body"] += b"x"
    with pytest.raises(InvalidSignature):
        exec(example, names)


def test_one_secret_and_one_description_need_no_list():
    vector = next(vector for vector in VECTORS if vector["id"] == "custom-plain")
    verify_custom(vector["headers"], vector["body"].encode(), "k", CustomSignature("X-Signature"))


def test_what_was_parsed_is_refused():
    with pytest.raises(Misconfigured, match="before anything parses it"):
        verify_custom({}, {"n": 1}, "k", CustomSignature("X-Signature"))


def test_a_word_that_the_field_does_not_have_is_refused():
    for fields in ({"algorithm": "MD5"}, {"encoding": "base64"}, {"key_encoding": ""}):
        with pytest.raises(Misconfigured, match=next(iter(fields))):
            verify_custom({}, b"", "k", CustomSignature("X-Signature", **fields))
