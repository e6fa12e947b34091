"""The API reference: a page for each service, of the comments in proto/, with each call in every language.

The calls stand between marks in the tests of the clients, where they are compiled and run. A method without a
call in a language whose client has it is an error.
"""

from __future__ import annotations

import pathlib
import re
import textwrap
from dataclasses import dataclass

import protos

CLIENTS = protos.FOLDER.parents[2] / "clients"

# Language, the name that highlighters know, and the file with its calls.
LANGUAGES = (
    ("Python", "python", "python/tests/reference.py"),
    ("TypeScript", "typescript", "typescript/test/reference.ts"),
    ("Go", "go", "go/reference_test.go"),
    ("Rust", "rust,ignore", "rust/tests/it/reference.rs"),
    ("Java", "java", "java/src/test/java/io/tenterhook/Reference.java"),
    ("Kotlin", "kotlin", "kotlin/src/test/kotlin/io/tenterhook/kotlin/Reference.kt"),
    ("Ruby", "ruby", "ruby/test/reference.rb"),
)
# What only some clients have; the others leave it to the command line.
ONLY = {"Backup": {"Rust"}}
MARKED = re.compile(
    r"^[ \t]*(?://|#) ANCHOR: (?P<name>\w+)\n(?P<code>.*?)^[ \t]*(?://|#) ANCHOR_END: (?P=name)$", re.DOTALL | re.MULTILINE
)
FOLDER = "api"


@dataclass(frozen=True)
class Api:
    """Every message and enum by its name, and the page where it stands."""

    known: dict[str, protos.Part]
    homes: dict[str, str]


def calls(path: str) -> dict[str, str]:
    """The code between the marks of a file, by their names."""
    found = MARKED.finditer((CLIENTS / path).read_text())
    return {match["name"]: textwrap.dedent(match["code"].expandtabs(4)).rstrip() for match in found}


def pages() -> list[tuple[str, str, str]]:
    """Name, text and path of every page, the overview first."""
    parts = protos.read()
    known = {part.name: part for part in parts if part.kind in ("message", "enum")}
    services = [part for part in parts if part.kind == "service"]
    written = {language: calls(path) for language, _, path in LANGUAGES}
    check(services, written)
    api = Api(known, place(services, known))
    made = [("API reference", overview(services), f"{FOLDER}/index.md")]
    for service in services:
        made.append((service.name, service_page(service, written, api), page_of(service.name)))
    types = [part for part in known.values() if api.homes[part.name] == page_of("types")]
    sections = "".join(type_section(part, api) for part in types)
    made.append(("Types", f"# Types\n\nWhat the calls take and return.\n\n{sections}", page_of("types")))
    return made


def page_of(name: str) -> str:
    return f"{FOLDER}/{name}.md"


def check(services: list[protos.Part], written: dict[str, dict[str, str]]) -> None:
    methods = {method.name for service in services for method in service.parts}
    faults = []
    for language, code in written.items():
        wanted = {name for name in methods if language in ONLY.get(name, {language})}
        faults += [f"{language} has no call of {name}" for name in sorted(wanted - set(code))]
        faults += [f"{language} has a call of {name}, which is no method" for name in sorted(set(code) - methods)]
    if faults:
        raise ValueError("; ".join(faults))


def place(services: list[protos.Part], known: dict[str, protos.Part]) -> dict[str, str]:
    """The page of each message and enum: requests and responses with their service, all else with the types."""
    homes = dict.fromkeys(known, page_of("types"))
    for service in services:
        for method in service.parts:
            homes[method.request] = homes[method.response] = page_of(service.name)
    return homes


def overview(services: list[protos.Part]) -> str:
    rows = "".join(
        f"| [{service.name}]({service.name}.md) | {one_line(service.text)} | "
        + ", ".join(f"[{method.name}]({service.name}.md#{method.name.lower()})" for method in service.parts)
        + " |\n"
        for service in services
    )
    return (
        "# API reference\n\nEvery call of the gRPC API, with how each client makes it. The clients retry, page and resume by themselves: "
        f"[their pages](../../clients/README.md) say how, [Errors](../ERRORS.md) what a call fails with.\n\n| service | what for | calls |\n|---|---|---|\n{rows}"
    )


def service_page(service: protos.Part, written: dict[str, dict[str, str]], api: Api) -> str:
    sections = [f"# {service.name}\n\n{service.text}\n\n"]
    for method in service.parts:
        sections.append(f"## {method.name}\n\n{method.text}\n\n{tabs(method.name, written)}\n")
        sections.append(message_section("Request", method.request, "request" in method.streams, api))
        sections.append(message_section("Response", method.response, "response" in method.streams, api))
    return "".join(sections)


def message_section(title: str, name: str, is_stream: bool, api: Api) -> str:
    rows = protos.fields(api.known[name])
    what = f"**{title}** `{name}`{', a stream of them' if is_stream else ''}"
    return f"{what}\n\n{table(rows, api)}\n" if rows else f"{what}, without fields.\n\n"


def type_section(part: protos.Part, api: Api) -> str:
    head = f"## {part.name}\n\n{part.text}\n\n"
    if part.kind == "message":
        return f"{head}{table(protos.fields(part), api)}\n"
    rows = "".join(f"| `{value.name}` | {one_line(value.text)} |\n" for value in part.parts)
    return f"{head}| value | |\n|---|---|\n{rows}\n"


def table(rows: list[protos.Part], api: Api) -> str:
    lines = ["| field | type | |", "|---|---|---|"]
    for row in rows:
        only = f"One of `{row.one_of}`. " if row.one_of else ""
        lines.append(f"| `{row.name}` | {linked(row.type, api)} | {only}{one_line(row.text)} |")
    return "\n".join(lines) + "\n"


def linked(kind: str, api: Api) -> str:
    """The type, as a link to where it is described."""
    name = kind.split()[-1]
    if name not in api.known:
        return f"`{kind.replace('google.protobuf.', '')}`"
    page = pathlib.PurePosixPath(api.homes[name]).name
    label = kind.removesuffix(name)
    return f"{label}[`{name}`]({page}#{name.lower()})"


def one_line(text: str) -> str:
    """A comment in a cell of a table."""
    return text.replace("|", "\\|")


def tabs(name: str, written: dict[str, dict[str, str]]) -> str:
    """The call in each language; tabs.js shows one at a time."""
    shown = [(language, shade, written[language][name]) for language, shade, _ in LANGUAGES if name in written[language]]
    panels = "".join(
        f'<div class="tab" data-language="{language}">\n\n```{shade}\n{code}\n```\n\n</div>\n' for language, shade, code in shown
    )
    return f'<div class="tabs">\n{panels}</div>\n'
