#!/usr/bin/env python3
"""Runs the shared signatures through the functions of docs/RECEIVERS.md, in the languages that this machine has.

`receivers.py`. The functions are read from the page. A language that is not installed is skipped, and the output says so.
"""

from __future__ import annotations

import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs/RECEIVERS.md"
VECTORS = ROOT / "tests/fixtures/signatures.jsonl"
VECTORS_MIN = 70


class Language(NamedTuple):
    """How a function of the page is run: what comes before it and after it, and the command that takes the file.

    The program reads lines of words in base64: the time, the body, and lists of secrets and of headers. It prints
    `valid`, or something else, for each.
    """

    head: str
    tail: str
    suffix: str
    command: list[str]


LANGUAGES = {
    "php": Language(
        "<?php\n",
        r"""
while (($line = fgets(STDIN)) !== false) {
    [$now, $body, $secrets, $headers] = array_map('base64_decode', explode(' ', rtrim($line, "\n")));
    $pairs = array_chunk(array_map('base64_decode', $headers === '' ? [] : explode(',', $headers)), 2);
    $secrets = array_map('base64_decode', explode(',', $secrets));
    try {
        echo verify(array_column($pairs, 1, 0), $body, $secrets, (int) $now) ? "valid\n" : "refused\n";
    } catch (InvalidArgumentException $error) {
        echo "misconfigured\n";
    }
}
""",
        ".php",
        ["php", "-d", "error_reporting=E_ALL", "-d", "display_errors=stderr"],
    ),
    "elixir": Language(
        "",
        r"""
for line <- IO.stream(:stdio, :line) do
  [now, body, secrets, headers] = line |> String.trim_trailing("\n") |> String.split(" ") |> Enum.map(&Base.decode64!/1)
  texts = fn list -> if list == "", do: [], else: list |> String.split(",") |> Enum.map(&Base.decode64!/1) end
  pairs = headers |> texts.() |> Enum.chunk_every(2) |> Map.new(&List.to_tuple/1)

  try do
    IO.puts(if Webhooks.verify(pairs, body, texts.(secrets), String.to_integer(now)), do: "valid", else: "refused")
  rescue
    _ in [MatchError, ArgumentError] -> IO.puts("misconfigured")
  end
end
""",
        ".exs",
        ["elixir"],
    ),
}


def encode(value: str | bytes) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def join(values: list[str]) -> str:
    return encode(",".join(map(encode, values)))


def line_of(vector: dict) -> str:
    encoded = vector.get("body_base64")
    body = vector["body"].encode() if encoded is None else base64.b64decode(encoded)
    headers = [text for pair in vector["headers"].items() for text in pair]
    return " ".join([encode(str(vector["now"])), encode(body), join(vector["secrets"]), join(headers)])


def run(language: Language, code: str, vectors: list[dict]) -> list[str]:
    """What the function says of each vector."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, f"receiver{language.suffix}")
        program.write_text(language.head + code + language.tail)
        lines = "".join(line_of(vector) + "\n" for vector in vectors)
        command = [*language.command, str(program)]
        done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    return done.stdout.splitlines()


def main() -> None:
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE))
    if set(blocks) != set(LANGUAGES):
        raise SystemExit(f"{PAGE} has functions in {sorted(blocks)}, and {sorted(LANGUAGES)} are run")
    vectors = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    vectors = [vector for vector in vectors if vector["scheme"] == "STANDARD_WEBHOOKS"]
    if len(vectors) < VECTORS_MIN:
        raise SystemExit(f"only {len(vectors)} signatures were found")
    failed = 0
    for name, language in LANGUAGES.items():
        if shutil.which(language.command[0]) is None:
            print(f"receivers in {name}: SKIPPED, {language.command[0]} is not installed")
            continue
        answers = run(language, blocks[name], vectors)
        if len(answers) != len(vectors):
            raise SystemExit(f"receivers in {name}: {len(answers)} answers to {len(vectors)} signatures")
        wrong = [v["id"] for v, said in zip(vectors, answers) if (said == "valid") != (v["expected"] == "valid")]
        failed += len(wrong)
        print(f"receivers in {name}: {len(vectors) - len(wrong)} passed, {len(wrong)} failed {' '.join(wrong)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
