"""One daemon per state directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from surveil.errors import StoreError, SurveilError
from surveil.service.instance_lock import InstanceLock


def test_the_second_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    held = InstanceLock(tmp_path)
    held.acquire()
    with pytest.raises(SurveilError, match=rf"process {os.getpid()}\)"):
        InstanceLock(tmp_path).acquire()
    held.release()


def test_released_it_can_be_had_again(tmp_path: Path) -> None:
    InstanceLock(tmp_path / "new").acquire()
    first = InstanceLock(tmp_path)
    first.acquire()
    first.release()
    again = InstanceLock(tmp_path)
    again.acquire()
    assert (tmp_path / "surveil.lock").exists()
    again.release()


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    """The kernel releases it; no stale file needs a person."""
    code = (
        "import sys, pathlib; from surveil.service.instance_lock import InstanceLock\n"
        "lock = InstanceLock(pathlib.Path(sys.argv[1])); lock.acquire(); print('held', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(SurveilError, match=f"process {holder.pid}"):
        InstanceLock(tmp_path).acquire()
    holder.kill()
    holder.communicate()
    again = InstanceLock(tmp_path)
    again.acquire()
    again.release()


def test_a_directory_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="name another as state_dir"):
        InstanceLock(tmp_path / "file" / "state").acquire()
