"""What was read from a mapped file once leaves the resident memory, and is there again when it is asked for."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from surveil.captioning.openvino.mapped_pages import let_go

SMAPS = Path("/proc/self/smaps")
pytestmark = pytest.mark.skipif(not SMAPS.is_file(), reason="Linux tells of mappings in /proc")


def resident_kib(file: Path) -> int:
    """Of all places where this process has mapped it."""
    found, ours = 0, False
    for line in SMAPS.read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            ours = bool(rest) and rest[-1] == str(file)
        elif ours and first == "Rss:":
            found += int(rest[0])
    return found


def test_let_go(tmp_path: Path) -> None:
    file, other = tmp_path / "weights.bin", tmp_path / "other.bin"
    for path in (file, other):
        path.write_bytes(bytes(range(256)) * 4096 * 4)
    with (
        file.open("rb") as one,
        other.open("rb") as two,
        mmap.mmap(one.fileno(), 0, access=mmap.ACCESS_READ) as ours,
        mmap.mmap(two.fileno(), 0, access=mmap.ACCESS_READ) as theirs,
    ):
        assert sum(ours[:: mmap.PAGESIZE]) == sum(theirs[:: mmap.PAGESIZE]) == 0
        assert resident_kib(file) == resident_kib(other) == 4096

        let_go([file])

        assert (resident_kib(file), resident_kib(other)) == (0, 4096)
        assert ours[256 * 4096 + 7] == 7


def test_what_this_process_may_write_is_left_alone(tmp_path: Path) -> None:
    """A private, written page exists nowhere else."""
    file = tmp_path / "weights.bin"
    file.write_bytes(bytes(mmap.PAGESIZE))
    with file.open("rb") as one, mmap.mmap(one.fileno(), 0, access=mmap.ACCESS_COPY) as copy:
        copy[3] = 9
        let_go([file])
        assert copy[3] == 9


def test_a_mapped_file_whose_name_is_no_text_is_passed_over(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.bin"
    with open(path, "wb+") as odd:  # the name is bytes
        odd.write(bytes(mmap.PAGESIZE))
        odd.flush()
        with mmap.mmap(odd.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            let_go([tmp_path / "weights.bin"])
            assert mapped[0] == 0
