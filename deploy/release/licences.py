"""Prints the licences of everything that is linked into the command for one target: which crates there are, and the
text of each licence once.

    python3 deploy/release/licences.py x86_64-unknown-linux-musl
"""

import re
import sys
from collections import defaultdict

from crates import Crate, crates, toolchain

#: Files in which crates keep their licences and notices.
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
#: What is linked in besides crates.
LIBRARIES = """Also linked in: the standard library of Rust {rust} (MIT OR Apache-2.0, https://www.rust-lang.org) and, in static
builds, musl (MIT, https://musl.libc.org)."""


def texts(crate: Crate) -> list[str]:
    """The licences and notices in the folder of a crate."""
    files = sorted(path for path in crate.folder.iterdir() if path.is_file() and LICENCE_FILE.match(path.name))
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in files if path.suffix != ".rs"]


def page(target: str) -> str:
    """The whole page for a build for `target`."""
    foreign = [crate for crate in crates(target) if not crate.is_ours and not crate.is_macro]
    unlicensed = [crate.purl for crate in foreign if not crate.licence and not texts(crate)]
    assert not unlicensed, f"no licence is known of {unlicensed}"
    holders = defaultdict(list)
    for crate in foreign:
        for text in texts(crate):
            # Crates wrap the same text differently.
            holders[" ".join(text.split())].append((text, crate))
    lines = [f"Tenterhook contains {len(foreign)} crates by others.", "", LIBRARIES.format(rust=toolchain()), ""]
    width = max(len(f"{crate.name} {crate.version}") for crate in foreign)
    lines += [f"{f'{crate.name} {crate.version}':<{width}}  {crate.licence}" for crate in foreign]
    for same in holders.values():
        names = ", ".join(sorted(crate.name for _, crate in same))
        lines += ["", "=" * 80, f"{names}:", "", same[0][0]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1]))
