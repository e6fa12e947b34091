"""Prints the bill of materials of the command for one target, in CycloneDX 1.6 JSON.

    python3 deploy/release/sbom.py x86_64-unknown-linux-musl

The same sources give the same bytes: no time, no chance.
"""

import json
import sys
import uuid

from crates import COMMAND, Crate, crates, toolchain

#: Serial numbers are made of what is in the bill, below this name (RFC 9562, section 5.5).
NAMESPACE = uuid.UUID("9d0a1f0e-5d1c-5f0b-8a58-6d5f3a2c7e41")


def component(crate: Crate) -> dict:
    entry = {
        "type": "library",
        "bom-ref": crate.purl,
        "name": crate.name,
        "version": crate.version,
        "purl": crate.purl,
        "scope": "excluded" if crate.is_macro else "required",
    }
    if crate.licence:
        entry["licenses"] = [{"expression": crate.licence}]
    if crate.checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
    if crate.repository:
        entry["externalReferences"] = [{"type": "vcs", "url": crate.repository}]
    return entry


def standard_library() -> dict:
    ref = f"pkg:generic/rust-std@{toolchain()}"
    return {
        "type": "library",
        "bom-ref": ref,
        "name": "rust-std",
        "version": toolchain(),
        "purl": ref,
        "scope": "required",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }


def bill(target: str) -> dict:
    """The bill of a build for `target`."""
    all_crates = crates(target)
    command = next(crate for crate in all_crates if crate.name == COMMAND)
    others = [crate for crate in all_crates if crate is not command]
    subject = component(command) | {"type": "application"}
    del subject["scope"]
    components = [component(crate) for crate in others] + [standard_library()]
    dependencies = [{"ref": crate.purl, "dependsOn": crate.uses} for crate in all_crates]
    content = {
        "metadata": {"component": subject, "properties": [{"name": "cdx:rustc:sbom:target:triple", "value": target}]},
        "components": components,
        "dependencies": dependencies,
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps(content, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1} | content


if __name__ == "__main__":
    json.dump(bill(sys.argv[1]), sys.stdout, indent=2)
    print()
