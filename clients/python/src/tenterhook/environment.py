"""Settings of a client that come from its environment; the variables are the same in every language."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

_FILES = {"ca": "TENTERHOOK_CA", "client_cert": "TENTERHOOK_CLIENT_CERT", "client_key": "TENTERHOOK_CLIENT_KEY"}


class ApiKeyFile:
    """An API key that is read from a file for each call, so that a new key needs no restart.

    While the file cannot be read, the last key is used.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = pathlib.Path(path)
        self._key = self._read()
        if not self._key:
            raise ValueError(f"the API key file {self._path} is empty")

    def __call__(self) -> str:
        try:
            self._key = self._read() or self._key
        except (OSError, UnicodeDecodeError):
            pass
        return self._key

    def _read(self) -> str:
        return self._path.read_text(encoding="ascii").strip()


def read_environment(environ: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The target and the other arguments of a client. A variable that is empty counts as unset.

    Raises ValueError that names every variable at fault.
    """
    faults: list[str] = []
    settings: dict[str, Any] = {}

    def given(name: str) -> str:
        return environ.get(name, "").strip()

    def read(name: str, use: Any) -> Any:
        try:
            return use(given(name))
        except OSError as error:
            faults.append(f"{name}: cannot read {given(name)}: {error.strerror}")
        except UnicodeDecodeError:
            faults.append(f"{name}: {given(name)} is no text")
        except ValueError as error:
            faults.append(f"{name}: {error}")

    target = given("TENTERHOOK_ADDRESS")
    if not target:
        faults.append("TENTERHOOK_ADDRESS is not set: give it host:port")
    if given("TENTERHOOK_API_KEY") and given("TENTERHOOK_API_KEY_FILE"):
        faults.append("TENTERHOOK_API_KEY and TENTERHOOK_API_KEY_FILE are both set: unset one")
    elif given("TENTERHOOK_API_KEY_FILE"):
        settings["api_key"] = read("TENTERHOOK_API_KEY_FILE", ApiKeyFile)
    elif given("TENTERHOOK_API_KEY"):
        settings["api_key"] = given("TENTERHOOK_API_KEY")
    if given("TENTERHOOK_NAMESPACE"):
        settings["namespace"] = given("TENTERHOOK_NAMESPACE")
    for setting, name in _FILES.items():
        if given(name):
            settings[setting] = read(name, lambda path: pathlib.Path(path).read_bytes())
    if bool(given("TENTERHOOK_CLIENT_CERT")) != bool(given("TENTERHOOK_CLIENT_KEY")):
        faults.append("TENTERHOOK_CLIENT_CERT and TENTERHOOK_CLIENT_KEY belong together: set both")
    if faults:
        raise ValueError("; ".join(faults))
    return target, settings
