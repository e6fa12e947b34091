#!/usr/bin/env python3
"""Fills fuzz/corpus/render with the templates of the test fixtures, one a file.

The first byte of an input chooses how the template is compiled; the rest is the template."""

import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "tests" / "fixtures"
CORPUS = HERE / "corpus" / "render"


def templates():
    fields = {"jinja": "template", "netbox_body": "body_template", "netbox_headers": "additional_headers", "template_bombs": "template"}
    for name, field in fields.items():
        for line in (FIXTURES / f"{name}.jsonl").read_text().splitlines():
            template = json.loads(line).get(field)
            if isinstance(template, dict):  # written short: {prefix, repeat, times, suffix}
                times = min(template["times"], 200)
                template = template["prefix"] + template["repeat"] * times + template["suffix"]
            if template:
                yield template


CORPUS.mkdir(parents=True, exist_ok=True)
for number, template in enumerate(templates()):
    seed = bytes([number % 6]) + template.encode()
    (CORPUS / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
print(f"{len(list(CORPUS.iterdir()))} templates in {CORPUS}")
