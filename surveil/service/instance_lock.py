"""One daemon per state directory: two would send every alert twice and fight over the databases."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from surveil.errors import StoreError, SurveilError
from surveil.records import Problem

LOCK_FILE = "surveil.lock"


class InstanceLock:
    """Held until `release` or the end of the process, however it ends: the kernel lets go."""

    name = "instance-lock"

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / LOCK_FILE
        self._fd: int | None = None

    def acquire(self) -> None:
        """Raises SurveilError, naming the process that holds it; StoreError when the directory cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreError(
                f"{self._path.parent} cannot be written ({error.strerror}): make it, give it to the user that "
                "runs surveil, or name another as state_dir"
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _pid_in(fd)
            os.close(fd)
            raise SurveilError(
                f"{self._path.parent} is in use by another surveil{holder}: stop that one, or give this one "
                "another state_dir"
            ) from error
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """The file stays: taking it away would let two newcomers lock two different files of one name."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def problems(self) -> Sequence[Problem]:
        return ()

    def counters(self) -> Mapping[str, float]:
        return {}


def _pid_in(fd: int) -> str:
    """Fit to follow a noun; empty in the moment between the other's lock and its writing."""
    pid = os.pread(fd, 20, 0).decode("ascii", errors="replace").strip()
    return f" (process {pid})" if pid.isdigit() else ""
