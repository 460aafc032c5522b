"""One daemon per state directory: two would send every alert twice and fight over the databases."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from surveil.errors import StoreError, SurveilError
from surveil.records import Problem

logger = logging.getLogger(__name__)

LOCK_FILE = "surveil.lock"
REFUSED_BY_DISK = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}


class InstanceLock:
    """Held until `release` or the end of the process, however it ends: the kernel lets go."""

    name = "instance-lock"

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / LOCK_FILE
        self._fd: int | None = None

    def acquire(self) -> None:
        """Raises SurveilError, naming the process that holds it; StoreError when there is no such directory to be had.

        A disk that is full or cannot be written is no reason not to watch.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = self._open()
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
        self._fd = fd
        self._sign(fd)

    def _open(self) -> int:
        """The file; where the disk takes no new one, the one that is there, or the directory itself: the kernel locks
        that as well."""
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            if error.errno not in REFUSED_BY_DISK:
                raise
        there = self._path if self._path.exists() else self._path.parent
        return os.open(there, os.O_RDONLY | os.O_CLOEXEC)

    def _sign(self, fd: int) -> None:
        """Our process id, for the message to whoever comes second."""
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            # Nothing depends on it: the lock holds, and other parts tell of the disk.
            logger.warning("%s cannot be written: %s", self._path, error.strerror)

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
    try:
        pid = os.pread(fd, 20, 0).decode("ascii", errors="replace").strip()
    except OSError:  # the directory itself is locked
        return ""
    return f" (process {pid})" if pid.isdigit() else ""
