"""The promise of the alert path, while everything around it dies.

Each test ends with the same proof: every alert that is in the database reached the subscriber, by itself or after
`replay`, repeats only under the same id; no picture without a row, no row without its picture, no unfinished file.
`SURVEIL_FAULTS=full` runs the long counts; the seed is printed, and `SURVEIL_FAULTS_SEED` repeats a run.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.alert_driver import CAMERAS, PREFIX
from tests.support.alert_scene import Daemon, pause, scene
from tests.support.broker import MOSQUITTO, Broker
from tests.support.small_disk import fill, small_disk
from tests.support.subscriber import Subscriber
from tests.support.waiting import eventually

FULL = os.environ.get("SURVEIL_FAULTS") == "full"
pytestmark = [
    pytest.mark.timeout(900 if FULL else 120),
    pytest.mark.system,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
]

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


def test_the_broker_is_killed_and_restarted_at_random_moments(tmp_path: Path) -> None:
    with scene(tmp_path) as it:
        it.daemon.start()
        until = time.monotonic() + (120 if FULL else 12)
        while time.monotonic() < until:
            pause(it.dice.uniform(0.2, 2.0))
            it.broker.kill()
            pause(it.dice.uniform(0.0, 1.0))
            it.broker.start()
        it.daemon.stop()
        it.prove()


def test_the_daemon_is_killed_at_random_moments(tmp_path: Path) -> None:
    with scene(tmp_path, rate=100) as it:
        for _ in range(50 if FULL else 5):
            it.daemon.start()
            it.work_a_while()
            it.daemon.kill()
        it.prove()
        for camera in CAMERAS:  # nothing was lost on the way, so the first arrivals are in order
            first = list(dict.fromkeys(alert["sequence"] for alert in it.subscriber.alerts(camera)))
            assert first == sorted(first)


def test_broker_and_daemon_are_killed_at_random_moments(tmp_path: Path) -> None:
    with scene(tmp_path, rate=50) as it:
        for _ in range(50 if FULL else 5):
            it.daemon.start()
            it.work_a_while()
            it.broker.kill()
            pause(it.dice.uniform(0.0, 0.7))
            it.daemon.kill()
            it.broker.start()
        it.prove()


def test_the_clock_steps_by_an_hour_both_ways(tmp_path: Path) -> None:
    """NTP, or a person; the monotonic clock goes on."""
    if FAKETIME is None:
        pytest.skip("libfaketime is not installed")
    step = tmp_path / "step"
    step.write_text("+0")
    with scene(tmp_path) as it:
        it.daemon.start(
            LD_PRELOAD=str(FAKETIME),
            FAKETIME_TIMESTAMP_FILE=str(step),
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            DONT_FAKE_MONOTONIC="1",
        )
        for offset in ("+0", "+3600", "-3600", "+0"):
            step.write_text(offset)
            it.more_alerts(20)
        it.daemon.stop()
        moments = [alert["captured_ms"] for alert in it.subscriber.alerts()]
        assert max(moments) - min(moments) > 3_600_000
        for camera in CAMERAS:
            numbers = [alert["sequence"] for alert in it.subscriber.alerts(camera)]
            assert numbers == list(range(1, len(numbers) + 1))
        it.prove()


def test_the_database_is_locked_by_another_process_for_5_seconds(tmp_path: Path) -> None:
    with scene(tmp_path) as it:
        it.daemon.start()
        eventually(lambda: len(it.subscriber.alerts()) > 10, 20)
        with closing(sqlite3.connect(it.daemon.state / "alerts.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            count = len(it.subscriber.alerts())
            pause(5)
            eventually(lambda: len(it.subscriber.alerts()) > count + 20, what="alerts stood still")
            other.execute("ROLLBACK")
        eventually(lambda: it.subscriber.alerts()[-1]["durable"], 20)
        it.daemon.stop()
        it.prove()


def test_a_damaged_database_is_set_aside_and_everything_goes_on(tmp_path: Path) -> None:
    with scene(tmp_path) as it:
        it.daemon.start()
        eventually(lambda: len(it.subscriber.alerts()) > 10, 20)
        it.daemon.kill()
        for suffix in ("-wal", "-shm"):
            (it.daemon.state / f"alerts.db{suffix}").unlink(missing_ok=True)
        database = it.daemon.state / "alerts.db"
        database.write_bytes(os.urandom(max(4096, database.stat().st_size)))
        pictures = len(list((it.daemon.state / "snapshots").rglob("*.jpg")))
        it.daemon.start()
        eventually(lambda: len({alert["store"] for alert in it.subscriber.alerts()}) == 2, 20)
        it.daemon.stop()
        assert list(it.daemon.state.glob("alerts.db.damaged-*"))
        assert "put aside as" in it.daemon.log.read_text()
        # The rows of these pictures are gone, not the pictures: nothing is moved while that is so.
        assert len(list((it.daemon.state / "snapshots").rglob("*.jpg"))) >= pictures
        assert not (it.daemon.state / "snapshots/quarantine").exists()


def test_the_disk_is_full_and_freed(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "12m") as disk, scene(tmp_path, state=disk / "state") as it:
        it.daemon.log = tmp_path / "driver.log"
        it.daemon.start()
        eventually(lambda: len(it.subscriber.alerts()) > 10, 20)
        for _ in range(3 if FULL else 1):
            fill(disk / "fill")
            eventually(lambda: it.subscriber.alerts()[-1]["snapshot"] is None, 20)
            assert "full" in it.subscriber.alerts()[-1]["snapshot_reason"]
            fill(disk / "fill-again")  # the reserve's room, too
            eventually(lambda: not it.subscriber.alerts()[-1]["durable"], 30)
            it.more_alerts(40)
            (disk / "fill").unlink()
            (disk / "fill-again").unlink()
            eventually(
                lambda: (
                    it.subscriber.alerts()[-1]["durable"] and it.subscriber.alerts()[-1]["snapshot"]
                ),
                20,
            )
        it.daemon.stop()
        it.prove()


def test_a_refused_password_then_the_right_one(tmp_path: Path) -> None:
    users = {"surveil": "right", "desk": "d"}
    with (
        Broker(tmp_path / "broker", users=users) as broker,
        Daemon(tmp_path / "state", broker, "--rate", "20", "--username", "surveil") as daemon,
        Subscriber(broker.port, f"{PREFIX}/+/alert", username="desk", password="d") as subscriber,
    ):
        daemon.start("--password", "wrong")
        eventually(lambda: daemon.waiting() > 20, 20)
        assert subscriber.alerts() == []
        assert "refused the connection" in daemon.log.read_text()
        daemon.stop()
        daemon.start("--password", "right", "--count", "3")
        eventually(lambda: len(subscriber.alerts()) >= len(daemon.rows()), 20)
        daemon.stop()
        assert {a["id"] for a in subscriber.alerts()} >= {r["alert_id"] for r in daemon.rows()}


def test_what_is_on_the_disk_is_there_in_the_right_order(tmp_path: Path) -> None:
    """fsync(picture), rename, fsync(folder), fsync(log of the database): a kill keeps the page cache, so only the
    system calls can show what a power cut would leave."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    calls = "fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,write"
    strace = ("strace", "-f", "-y", "-s", "400", "-e", f"trace={calls}", "-o", str(trace))
    state = tmp_path / "state"
    with (
        Broker(tmp_path / "broker") as broker,
        Daemon(state, broker, "--rate", "20", "--count", "2") as daemon,
    ):
        daemon.start(before=strace)
        eventually(lambda: len(daemon.rows()) == 2 and daemon.waiting() == 0, 60)
        picture, alert_id = daemon.rows()[1]["snapshot_path"], daemon.rows()[1]["alert_id"]
        os.kill(int(trace.read_text().split(maxsplit=1)[0]), signal.SIGTERM)
        eventually(daemon.ended, 20)
    name = Path(picture).name
    folder = re.escape(str((state / "snapshots" / picture).parent))
    events = [
        ("fsync of the picture", rf"fsync\(\d+<[^>]*\.writing-{re.escape(name)}>"),
        ("rename", rf"rename\S*\(.*\.writing-{re.escape(name)}.*{re.escape(name)}"),
        ("fsync of its folder", rf"fsync\(\d+<{folder}>"),
        ("fsync of the log", r"f(data)?sync\(\d+<[^>]*alerts\.db-wal>"),
        ("the message", rf"(sendto|sendmsg|write)\(.*{alert_id}"),
    ]
    lines = trace.read_text().splitlines()
    place = -1
    for what, pattern in events:
        found = [i for i, line in enumerate(lines) if i > place and re.search(pattern, line)]
        assert found, f"{what} does not follow line {place}: {lines[max(0, place)]}"
        place = found[0]
