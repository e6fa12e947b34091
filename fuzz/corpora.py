#!/usr/bin/env python3
"""Writes the kept corpora of the fuzz targets below fuzz/corpus: small inputs of every kind, from the
fixtures of the tests and the golden stores. Inputs that a fuzzer found are added by hand."""

import hashlib
import json
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).parent
TOP = HERE.parent
FIXTURES = TOP / "tests" / "fixtures"
GOLDEN = TOP / "crates" / "store" / "tests" / "golden"


def write(target, inputs):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        data = data.encode() if isinstance(data, str) else data
        (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def lines(name):
    return [json.loads(line) for line in (FIXTURES / name).read_text().splitlines()]


def some(values, count):
    """About `count` of the values, spread evenly, none twice."""
    values = sorted(set(values))
    return values[:: max(1, len(values) // count)]


def exported():
    """The keys and rows of the golden export."""
    data = (GOLDEN / "format-1" / "export").read_bytes()
    at = data.index(b"\n") + 1
    while True:
        key, = struct.unpack_from(">I", data, at)
        if key == 0xFFFFFFFF:
            return
        value, = struct.unpack_from(">I", data, at + 4)
        at += 8
        yield data[at : at + key], data[at + key : at + key + value]
        at += key + value


def records(commits):
    """A log of commits, each a list of keys and values."""
    log = b""
    for number, writes in commits:
        body = struct.pack("<Q", number)
        for key, value in writes:
            length = 0xFFFFFFFF if value is None else len(value)
            body += struct.pack("<II", len(key), length) + key + (value or b"")
        log += struct.pack("<II", len(body), zlib.crc32(body)) + body
    return log


def field(tag, value):
    """A field of a protobuf message: a text, a message, or a number below 128."""
    if isinstance(value, int):
        return bytes([tag << 3, value])
    value = value.encode() if isinstance(value, str) else value
    return bytes([tag << 3 | 2, len(value)]) + value


def family_keys():
    """A key of each family, in case the golden store lacks it."""
    name = struct.pack(">H", 7) + b"default"
    lane, place, bits = b"\0\0\0\1", bytes(range(12)), bytes(range(12)) + b"\0\0\0\1"
    when = bytes(6)
    text = struct.pack(">H", 2) + b"e1"
    return [
        b"a" + lane + place + b"\0\0\0\2", b"d" + lane + place, b"z" + lane + place, b"e" + name + b"e1",
        b"t" + name + when + when, b"v" + name + text + bits, b"f" + bytes(8), b"k" + lane + b"site-1",
        b"o" + lane + text + place, b"q" + lane + when + place, b"x" + when + bits, b"c" + bytes(16), b"h" + bytes(16),
        b"l" + lane, b"b" + lane + bytes([1]) + when, b"s" + lane + b"f" + place,
    ]


def main():
    urls = [line["url"] for line in lines("netbox_urls.jsonl") + lines("ssrf.jsonl") if line.get("url")]
    addresses = ["127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "localhost.", "hooks.example.com"]
    write("url_and_address", some(urls, 60) + addresses + [bytes.fromhex("00000000000000000000ffff7f000001")])

    regexes = [f"{line['pattern']}\n{(line['matches'] or line['differs'] or [''])[0]}" for line in lines("python_regex.jsonl") if "matches" in line]
    write("patterns", some(regexes, 60) + ["job_*\njob_started", "*\nx", "a|b\nb", "(a+)+$\naaaaaaaaaaaaaaaa!"])

    conditions = [json.dumps(line["conditions"]) for line in lines("netbox_conditions.jsonl") if "conditions" in line]
    write("conditions", some(conditions, 60))

    blocks = [line["additional_headers"] for line in lines("netbox_headers.jsonl") if line.get("additional_headers")]
    own = [f"{header['name']}: {header['value']}" for line in lines("headers.jsonl") for header in line.get("headers", [])]
    write("header_block", some(blocks, 40) + some(own, 30))

    pairs = list(exported())
    rows = {}
    for key, row in pairs:
        rows.setdefault((key[0], len(row) // 64), row)
    keys = {}
    for key, _ in pairs:
        keys.setdefault((key[0], len(key)), key)
    # Rows lie in a frame: what is behind it is the message.
    messages = [row[5:] for row in rows.values()]
    write("keys_and_rows", [*rows.values(), *messages, *keys.values(), *family_keys()])

    few = pairs[:6]
    log = records([(4, few[:2]), (5, few[2:]), (6, [(few[0][0], None)])])
    cut = log[:-9]
    stale = log + records([(2, few[:1])])
    lost = records([(4, few[:1])])[:-3] + records([(5, few[:1])])
    segment = (GOLDEN / "format-1" / "redb" / "tenterhook.log.0").read_bytes().rstrip(b"\0")[:8192]
    write("log_records", [bytes([3]) + data for data in (log, cut, stale, lost, b"", segment)] + [bytes([5]) + log])

    write("tokens", ["x", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAECAw", "-_-_" * 8, "=", "default", bytes(16), bytes(32)])

    document = field(1, '{"id": 1}')
    event = field(1, "evt-1") + field(3, "created")
    request = field(1, "https://hooks.example.com/in") + field(4, "x")
    write("wire_to_model", [
        event,
        event + field(2, "team") + field(4, "dcim.site") + field(8, document) + field(9, field(1, document)),
        event + field(5, field(1, 5) + field(2, 7)) + field(12, field(1, 9)) + field(13, field(1, 9)),
        event + field(10, field(1, "k") + field(2, "v")) + field(11, "site-1"),
        field(3, "hook") + field(9, request),
        field(3, "hook") + field(9, request) + field(8, field(1, "rule") + field(2, "created")) + field(5, 1),
        field(3, "hook") + field(11, field(1, 5)) + field(12, field(1, 3)) + field(13, field(3, 4)),
        field(1, 100) + field(2, "token"),
    ])


main()

