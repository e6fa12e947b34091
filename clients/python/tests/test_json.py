"""Every shared value of JSON: how it is written, or that it is refused."""

import json
import pathlib
from datetime import datetime, timezone

import pytest

from tenterhook import json_document

PATH = pathlib.Path(__file__).parents[3] / "tests/fixtures/json_values.json"
CASES = [case for case in json.loads(PATH.read_text()) if "python" not in case.get("absent", [])]
NAN = float("nan")
LOOP: dict[str, object] = {}
LOOP["itself"] = LOOP
VALUES = {
    "nan": NAN,
    "infinity": float("inf"),
    "minus_infinity": -float("inf"),
    "nan_inside": {"a": [1.5, NAN]},
    "nan_as_key": {NAN: 1},
    "beyond_2_53": 2**53 + 1,
    "beyond_2_63": 2**63,
    "beyond_2_64": 2**64 + 1,
    "integer_as_key": {7: "a"},
    "null_as_key": {None: 1},
    "list_as_key": {(1, 2): 1},
    "bytes": b"\x01\xff",
    "time": datetime.fromtimestamp(0, timezone.utc),
    "cycle": LOOP,
    "half_a_pair": "\ud800",
    "half_a_pair_as_key": {"\ud800": 1},
    "replacement": "\ufffd\\ufffd",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_value(case):
    text = case.get("but", {}).get("python", case.get("json"))
    if text is None or "python" in case.get("refused_by", []):
        with pytest.raises((TypeError, ValueError)):
            json_document(VALUES[case["name"]])
    else:
        assert json_document(VALUES[case["name"]]).json == text


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1.5, NAN]}, "a[1] is nan, which JSON has no number for"),
        (-float("inf"), "the value is -inf, which JSON has no number for"),
        ({"a": {(1,): 2}}, "a key of a is (1,): the names of members are texts"),
        ({"photo": b"x"}, "photo is of type bytes, which JSON does not have: give its base64 as text"),
        ({"at": datetime(2026, 3, 6)}, "at is of type datetime, which JSON does not have: give its isoformat()"),
        ([{1}], "[0] is of type set, which JSON does not have: give a list"),
        ({"a": {"b": "\udfff"}}, "a.b has half of a surrogate pair, which is no text"),
        (LOOP, "the value is nested more than 128 levels deep, or contains itself"),
    ],
)
def test_an_error_says_where_it_is(value, told):
    with pytest.raises((TypeError, ValueError)) as caught:
        json_document(value)
    assert str(caught.value) == told
