"""Certificates for the tests of TLS, made anew in each run with the `openssl` command."""

from __future__ import annotations

import pathlib
import subprocess

SERVER_NAMES = "IP:127.0.0.1,DNS:localhost"
CLIENT_NAME = "client.example.com"


class Authority:
    """Signs certificates; its own is at `certificate`."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self._folder = folder
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        extension = "basicConstraints=critical,CA:TRUE"
        _openssl("req", "-x509", "-days", "2", *_new_key(self._key, name), "-out", self.certificate, "-addext", extension)

    def issue(self, name: str, alternative_names: str) -> tuple[pathlib.Path, pathlib.Path]:
        """A certificate for those names, and its key."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative_names}\nbasicConstraints=CA:FALSE\n")
        _openssl("req", *_new_key(key, name), "-out", request)
        signer = ["-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"]
        _openssl("x509", "-req", "-days", "2", "-in", request, *signer, "-extfile", extensions, "-out", certificate)
        return certificate, key


def _new_key(key: pathlib.Path, name: str) -> list:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    return [*curve, "-keyout", key, "-subj", f"/CN={name}"]


def _openssl(*arguments: object) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"openssl failed: {done.stderr}")
