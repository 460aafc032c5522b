"""Pages of a mapped file that were read once and will not be read again soon."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

_MAPS = Path("/proc/self/maps")


def let_go(files: Iterable[Path]) -> None:
    """Takes the pages of these files, wherever this process has mapped them, out of its resident memory.

    They stay in the kernel's cache, and what is read again is mapped again. Does nothing where there is no /proc.
    """
    names = {str(path.resolve()) for path in files}
    if not names or not _MAPS.is_file():
        return
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in os.fsdecode(_MAPS.read_bytes()).splitlines():
        place, access, _, _, _, *name = line.split(maxsplit=5)
        if name and name[0] in names and "w" not in access:
            begin, end = (int(one, 16) for one in place.split("-"))
            madvise(begin, end - begin, mmap.MADV_DONTNEED)
