"""A disk that takes nothing more stops no watch: neither a running one nor a start."""

from __future__ import annotations

from pathlib import Path

from surveil.config import load_config
from surveil.daemon import Daemon
from surveil.service.instance_lock import InstanceLock
from tests.daemon.test_daemon import running, ticking, write_config
from tests.support.small_disk import fill, remount, small_disk


def codes(daemon: Daemon) -> set[str]:
    return {problem.code for problem in daemon.node.health.problems}


def captions(daemon: Daemon) -> int:
    return daemon.node.activity.of("yard").captions_total


def test_it_starts_on_a_full_disk_and_tells_what_it_cannot_note(tmp_path: Path) -> None:
    """There was no start, for want of a `crashes.json` of a few bytes."""
    with small_disk(tmp_path / "disk", "60m") as disk:
        path = write_config(tmp_path, state_dir=str(disk / "state"))
        with running(path) as daemon:
            ticking(daemon, lambda: captions(daemon))
        for name in ("surveil.lock", "crashes.json"):
            (disk / "state" / name).unlink()
        fill(disk / "fill")
        daemon = Daemon(load_config(path, environ={}), config_path=path)
        daemon.start()
        try:
            assert "bookkeeping" in codes(daemon)
            ticking(daemon, lambda: captions(daemon))
            fill(disk / "reserve")  # the room that the store gave back
            daemon.node.storage.alerts.states.set_enabled("gate", False)
            ticking(daemon, lambda: "disk" in codes(daemon))
            (disk / "fill").unlink()
            (disk / "reserve").unlink()
            ticking(daemon, lambda: "bookkeeping" not in codes(daemon))
            assert daemon.failure is None
        finally:
            daemon.stop()
        assert daemon.failure is None
        InstanceLock(disk / "state").acquire()


def test_it_starts_on_a_disk_that_has_become_read_only(tmp_path: Path) -> None:
    """What an SD card does at the end of its days."""
    with small_disk(tmp_path / "disk", "60m") as disk:
        path = write_config(tmp_path, state_dir=str(disk / "state"))
        with running(path) as daemon:
            ticking(daemon, lambda: captions(daemon))
            store_id = daemon.node.storage.alerts.store_id
        remount(disk, "ro")
        daemon = Daemon(load_config(path, environ={}), config_path=path)
        daemon.start()
        try:
            assert {"bookkeeping", "disk", "journal"} <= codes(daemon)
            ticking(daemon, lambda: daemon.node.activity.of("yard").alerts_total)
            store = daemon.node.storage.alerts
            assert store.counters()["alerts_in_memory"] == 1
            remount(disk, "rw")
            ticking(
                daemon, lambda: codes(daemon) <= {"retention"}
            )  # that is asked at its hours only
            assert store.counters()["alerts_in_memory"] == 0
            assert store.store_id == store_id
            assert len(store.read("SELECT DISTINCT store FROM alerts")) == 2
            assert daemon.failure is None
        finally:
            daemon.stop()
        assert daemon.failure is None
