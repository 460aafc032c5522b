"""Files that are whole or absent, also after a power cut."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from surveil.database import sync_path
from surveil.errors import StoreError, StoreFullError

TEMPORARY = ".writing-"
"""Prefix of a file that is not finished; what a crash leaves behind is removed at the next start."""
_ROOM_ERRORS = {errno.ENOSPC, errno.EDQUOT}


def safe_name(text: str, *, max_length: int = 48) -> str:
    """Lower case letters, digits and dashes: a file name on any file system, and on a shell's command line."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:max_length].strip("-")
    return name or "x"


def write_durably(path: Path, write: Callable[[BinaryIO], object]) -> int:
    """fsync(file), rename, fsync(folder); returns the size in bytes. Raises StoreError, StoreFullError.

    In this order the name never shows a file that is not whole (rename(2), and ext4's delayed allocation without it).
    """
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    with translated(path):
        make_folder(path.parent)
        try:
            with temporary.open("wb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
                size = stream.tell()
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_path(path.parent)
    return size


def make_folder(folder: Path) -> None:
    """Like `mkdir -p`, with every new name made durable."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_path(folder.parent)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """OSError becomes StoreError, or StoreFullError when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in _ROOM_ERRORS:
            raise StoreFullError(f"{path.name} cannot be written: the disk is full") from error
        reason = error.strerror or str(error)
        raise StoreError(f"{path.name} cannot be used: {reason}") from error
