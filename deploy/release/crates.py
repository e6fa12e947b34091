"""The crates that are linked into the command, with what Cargo knows of them.

`sbom.py` and `licences.py` use it. `cargo tree` says which crates a build for one target really uses, with their
features; `cargo metadata` has their licences and folders, and Cargo.lock their checksums.
"""

import functools
import json
import pathlib
import subprocess
import tomllib
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = "tenterhook"


@dataclass(order=True)
class Crate:
    """One crate, in one version."""

    name: str
    version: str
    licence: str
    repository: str | None = field(compare=False)
    folder: pathlib.Path = field(compare=False)
    #: SHA-256 of the package as crates.io has it; None for crates of this repository.
    checksum: str | None = field(compare=False)
    #: Runs while the command is compiled and is not linked into it.
    is_macro: bool = field(compare=False)
    #: Purls of what it uses.
    uses: list[str] = field(compare=False, default_factory=list)

    @property
    def purl(self) -> str:
        return purl(self.name, self.version)

    @property
    def is_ours(self) -> bool:
        return self.checksum is None


def purl(name: str, version: str) -> str:
    return f"pkg:cargo/{name}@{version}"


def cargo(*arguments: str) -> str:
    return subprocess.run(("cargo", *arguments), cwd=ROOT, check=True, capture_output=True, text=True).stdout


def linked(target: str) -> set[tuple[str, str]]:
    """Name and version of each crate that a build for `target` uses, macros included."""
    lines = cargo(
        *("tree", "--locked", "--package", COMMAND, "--edges", "normal", "--target", target),
        *("--prefix", "depth", "--no-dedupe", "--format", " {p}"),
    )
    found, is_below = set(), False
    for depth, name, version, *_ in (line.split() for line in lines.splitlines() if line):
        # Where features are unified over the workspace, the trees of its other members follow.
        is_below = name == COMMAND if depth == "0" else is_below
        if is_below:
            found.add((name, version.removeprefix("v")))
    return found


def checksums() -> dict[tuple[str, str], str]:
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(one["name"], one["version"]): one["checksum"] for one in lock["package"] if "checksum" in one}


@functools.cache
def crates(target: str) -> list[Crate]:
    """Every crate of a build for `target`, in the order of their names."""
    wanted, sums = linked(target), checksums()
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = {one["id"]: one for one in metadata["packages"] if (one["name"], one["version"]) in wanted}
    edges = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    found = []
    for identity, package in packages.items():
        key = (package["name"], package["version"])
        uses = [
            purl(packages[edge["pkg"]]["name"], packages[edge["pkg"]]["version"])
            for edge in edges[identity]
            if edge["pkg"] in packages and any(kind["kind"] is None for kind in edge["dep_kinds"])
        ]
        found.append(
            Crate(
                *key,
                licence=expression(package["license"] or ""),
                repository=package["repository"],
                folder=pathlib.Path(package["manifest_path"]).parent,
                checksum=sums.get(key),
                is_macro=any("proc-macro" in one["kind"] for one in package["targets"]),
                uses=sorted(set(uses)),
            )
        )
    missing = wanted - {(crate.name, crate.version) for crate in found}
    assert not missing, f"cargo metadata does not know {missing}"
    return sorted(found)


def expression(licence: str) -> str:
    """An SPDX expression: older crates write `MIT/Apache-2.0`."""
    return " OR ".join(part.strip() for part in licence.split("/"))


def version() -> str:
    """The version of the command."""
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def toolchain() -> str:
    """The version of the Rust whose standard library is linked in."""
    return cargo("--version").split()[1]
