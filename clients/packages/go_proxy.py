#!/usr/bin/env python3
"""Writes the Go client as a module proxy has it: `go_proxy.py SOURCE FOLDER VERSION`.

`GOPROXY=file://FOLDER,… go get MODULE@VERSION` installs from there. https://go.dev/ref/mod#goproxy-protocol
and https://go.dev/ref/mod#zip-files say what the files are.
"""

import json
import pathlib
import re
import subprocess
import sys
import zipfile

# Any time does; one that stays the same makes the same bytes.
TIME = "2026-01-01T00:00:00Z"
ZIP_TIME = (2026, 1, 1, 0, 0, 0)


def main(source: pathlib.Path, folder: pathlib.Path, version: str) -> None:
    definition = (source / "go.mod").read_text()
    module = re.search(r"^module (\S+)$", definition, re.MULTILINE)[1]
    versions = folder / module / "@v"
    versions.mkdir(parents=True, exist_ok=True)
    (versions / "list").write_text(f"{version}\n")
    (versions / f"{version}.info").write_text(json.dumps({"Version": version, "Time": TIME}))
    (versions / f"{version}.mod").write_text(definition)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=source, capture_output=True, check=True, text=True
    )
    with zipfile.ZipFile(versions / f"{version}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(listed.stdout.splitlines()):
            entry = zipfile.ZipInfo(f"{module}@{version}/{name}", ZIP_TIME)
            archive.writestr(entry, (source / name).read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3])
