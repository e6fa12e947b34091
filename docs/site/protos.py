"""Reads the .proto files of the API with their comments: what the reference shows.

They are written in one style (`make lint-proto` holds them to it), so a line tells what it is.
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass, field

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "proto/tenterhook/v1"

OPENS = re.compile(r"(?P<kind>service|message|enum|oneof) (?P<name>\w+) \{(?P<empty>\})?$")
METHOD = re.compile(
    r"rpc (?P<name>\w+)\((?P<asks>stream )?(?P<request>\w+)\) returns \((?P<answers>stream )?(?P<response>\w+)\)(?P<open> \{)?;?$"
)
FIELD = re.compile(r"(?P<label>repeated |optional )?(?P<type>map<[\w., ]+>|[\w.]+) (?P<name>\w+) = (?P<number>\d+)(?P<options> \[.*\])?;$")
VALUE = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*) = (?P<number>\d+);$")
IGNORED = re.compile(r"(syntax|package|import|option|reserved)\b")


@dataclass
class Part:
    """A service, method, message, field, enum or value, with its comment and what is in it."""

    kind: str
    name: str
    text: str
    parts: list[Part] = field(default_factory=list)
    request: str = ""
    response: str = ""
    streams: str = ""
    type: str = ""
    number: int = 0
    one_of: str = ""


def read() -> list[Part]:
    """The services, messages and enums of every file, in the order in which they stand there."""
    return [part for path in sorted(FOLDER.glob("*.proto")) for part in read_file(path)]


def read_file(path: pathlib.Path) -> list[Part]:
    root = Part("file", path.name, "")
    open_parts, comment = [root], []
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        line = raw.strip()
        if line.startswith("//"):
            comment.append(line.removeprefix("//").strip())
            continue
        if line and not IGNORED.match(line):
            made = None
            if line == "}":
                open_parts.pop()
            else:
                made = read_line(line, " ".join(comment), open_parts)
                if made is None:
                    raise ValueError(f"{path}:{number}: cannot read {line!r}")
            if made is not None and opens(line):
                open_parts.append(made)
        comment = []
    return root.parts


def opens(line: str) -> bool:
    return line.endswith("{")


def read_line(line: str, text: str, open_parts: list[Part]) -> Part | None:
    owner = open_parts[-1]
    if match := OPENS.match(line):
        made = Part(match["kind"], match["name"], text)
    elif match := METHOD.match(line):
        streams = "".join(("request " if match["asks"] else "", "response" if match["answers"] else "")).strip()
        made = Part("method", match["name"], text, request=match["request"], response=match["response"], streams=streams)
    elif owner.kind == "enum" and (match := VALUE.match(line)):
        made = Part("value", match["name"], text, number=int(match["number"]))
    elif match := FIELD.match(line):
        one_of = owner.name if owner.kind == "oneof" else ""
        kind = f"{(match['label'] or '').strip()} {match['type']}".strip()
        made = Part("field", match["name"], text, type=kind, number=int(match["number"]), one_of=one_of)
    else:
        return None
    owner.parts.append(made)
    return made


def fields(message: Part) -> list[Part]:
    """Its fields, those of a oneof where that stands."""
    return [one for part in message.parts for one in ([part] if part.kind == "field" else part.parts if part.kind == "oneof" else [])]
