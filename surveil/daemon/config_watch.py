"""`watch: true`: the configuration file is reloaded when it was saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from surveil.records import Problem


class ConfigWatch:
    """Asked once a second. Editors save by renaming a new file, so the name is watched, not the inode."""

    name = "config-watch"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken = self._mark()
        self._seen = self._taken

    def changed(self) -> bool:
        """True once after a save, when the file has stood still since the last call: a half-written one is not read."""
        mark = self._mark()
        settled, self._seen = mark == self._seen, mark
        if mark is None or not settled or mark == self._taken:
            return False
        self._taken = mark
        return True

    def problems(self) -> Sequence[Problem]:
        return ()

    def counters(self) -> Mapping[str, float]:
        return {}

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
