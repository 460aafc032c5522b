"""A file that holds room on the disk for the alerts that come when there is none left."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from surveil.database import sync_path


class Reserve:
    """`size_bytes` of real blocks beside the database. Any thread; calls are rare."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def keep(self) -> bool:
        """Take the room if the disk can spare twice as much; True when it is held."""
        if self._path.exists():
            return True
        try:
            if shutil.disk_usage(self._path.parent).free < 2 * self._size_bytes:
                return False
            self._allocate()
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give the room back; True when there was some to give."""
        try:
            self._path.unlink()
            sync_path(self._path.parent)
        except OSError:
            return False
        return True

    def _allocate(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size_bytes)
        finally:
            os.close(descriptor)
