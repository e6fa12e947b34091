"""Where a watch goes on when the program starts again."""

from __future__ import annotations

import os
import pathlib
import threading
from typing import Protocol


class Checkpoint(Protocol):
    """Keeps the resume token of a watch over a restart of the program.

    A watch loads it before it first connects, and saves it when the program asks for the next change: what was
    handed out before is handled by then. So a change that was in hand at a crash comes again, and none is lost.
    With asyncio both are called in a thread. An exception is raised where the watch is asked for a change, and
    does not end it: the next one tries again.
    """

    def load(self) -> str | None:
        """The token that was saved last; None if there was none."""

    def save(self, token: str) -> None:
        """Keeps the token. It must last when this returns."""


class FileCheckpoint:
    """A checkpoint in a file, for one watch at a time.

    A save is on the disk when it returns, and leaves the old token or the new one whatever happens meanwhile. It
    writes beside the file, to its name and `.new`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = pathlib.Path(path)
        self._lock = threading.Lock()

    def load(self) -> str | None:
        """The token in the file. One that is missing is made, so that a place where nothing can be written is found
        at the start."""
        try:
            return self._path.read_text("ascii", "replace").strip() or None
        except FileNotFoundError:
            self.save("")
            return None

    def save(self, token: str) -> None:
        """Replaces the file; raises OSError if that is not possible."""
        fresh = f"{self._path}.new"
        with self._lock:
            with open(fresh, "w", encoding="ascii") as file:
                file.write(token)
                file.flush()
                os.fsync(file.fileno())  # it is on the disk before it takes the place of the one before
            os.replace(fresh, self._path)
            if os.name == "posix":
                _sync_folder(self._path.parent)


def _sync_folder(folder: pathlib.Path) -> None:
    """Puts the new name on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
