"""Broker, subscriber, and a process that raises alerts, to be killed in any order; and the proof that none was lost."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.alert_driver import CAMERAS, PREFIX
from tests.support.broker import Broker
from tests.support.subscriber import Subscriber
from tests.support.waiting import eventually

SEED = int(os.environ.get("SURVEIL_FAULTS_SEED", random.SystemRandom().randrange(1 << 30)))
ROOT = Path(__file__).parents[2]
Numbers = dict[tuple[str, str, int], str]


class Daemon:
    """The driver process over one state folder."""

    def __init__(self, state: Path, broker: Broker, *words: str) -> None:
        self.state = state
        self._command = ["--state", str(state), "--port", str(broker.port), *words]
        self._process: subprocess.Popen[bytes] | None = None
        self.log = state.parent / "driver.log"

    def start(self, *words: str, before: tuple[str, ...] = (), **environ: str) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *before,
                    sys.executable,
                    "-m",
                    "tests.support.alert_driver",
                    *self._command,
                    *words,
                ],
                cwd=ROOT,
                env={**os.environ, **environ},
                stderr=log,
            )

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-2000:]
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(20) == 0, self.log.read_text()[-2000:]

    def rows(self) -> list[sqlite3.Row]:
        return self._read("SELECT * FROM alerts ORDER BY row_id")

    def waiting(self) -> int:
        return len(self._read("SELECT 1 FROM deliveries"))

    def _read(self, sql: str) -> list[sqlite3.Row]:
        """Nothing while the database is still being made."""
        path = self.state / "alerts.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'states'").fetchall()
            return database.execute(sql).fetchall() if made else []

    def committed(self) -> Numbers:
        return {(r["store"], r["camera_id"], r["sequence"]): r["alert_id"] for r in self.rows()}


class Scene:
    """Broker, subscriber and daemon, and the proof at the end."""

    def __init__(self, broker: Broker, subscriber: Subscriber, daemon: Daemon) -> None:
        self.broker = broker
        self.subscriber = subscriber
        self.daemon = daemon
        self.dice = random.Random(SEED)

    def prove(self) -> None:
        """Everything is up: one more alert a camera shows the subscriber where it stands, and it asks for the rest."""
        self.subscriber.in_touch()
        self.daemon.start("--count", str(len(CAMERAS)))
        started = time.monotonic()
        before = len(self.daemon.rows())
        eventually(lambda: len(self.daemon.rows()) >= before + len(CAMERAS), 30)
        eventually(lambda: self.daemon.waiting() == 0, 60)
        repeats = self._ask_until_whole()
        self.daemon.stop()
        self._check_files()
        rows = len(self.daemon.rows())
        print(
            f"seed {SEED}: {rows} alerts, {len(self.subscriber.alerts())} arrivals, {repeats} replays asked, "
            f"settled in {time.monotonic() - started:.1f} s"
        )

    def work_a_while(self) -> None:
        """Until the daemon has raised a few more alerts, and then a moment that falls anywhere in its next ones."""
        goal = len(self.daemon.rows()) + self.dice.randint(1, 15)
        eventually(lambda: len(self.daemon.rows()) >= goal, 30)
        pause(self.dice.uniform(0.0, 0.1))

    def more_alerts(self, count: int) -> None:
        """Wait until so many more have arrived."""
        goal = len(self.subscriber.alerts()) + count
        eventually(lambda: len(self.subscriber.alerts()) >= goal, 30)

    def heard(self) -> Numbers:
        return {
            (store, camera, sequence): alert_id
            for (store, camera), numbers in self.subscriber.numbers().items()
            for sequence, alert_id in numbers.items()
        }

    def _ask_until_whole(self) -> int:
        asked = 0
        committed = self.daemon.committed()
        until = time.monotonic() + 60
        while not self._has(committed):
            assert time.monotonic() < until, self._missing(committed)
            self.subscriber.ask_for_losses(PREFIX)
            asked += 1
            try:
                eventually(lambda: self._has(committed), 3)
            except AssertionError:
                continue
        return asked

    def _has(self, committed: Numbers) -> bool:
        heard = self.heard()
        return all(heard.get(number) == alert_id for number, alert_id in committed.items())

    def _missing(self, committed: Numbers) -> str:
        return f"seed {SEED}: never arrived: {sorted(set(committed) - set(self.heard()))[:20]}"

    def _check_files(self) -> None:
        folder = self.daemon.state / "snapshots"
        files = {
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and "quarantine" not in path.parts
        }
        rows = self.daemon.rows()
        assert files == {row["snapshot_path"] for row in rows if row["snapshot_path"]}
        assert all(row["snapshot_path"] or row["snapshot_reason"] for row in rows)
        sequences: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            sequences.setdefault((row["store"], row["camera_id"]), []).append(row["sequence"])
        for numbers in sequences.values():
            assert sorted(numbers) == list(range(1, len(numbers) + 1))


@contextmanager
def scene(folder: Path, *, state: Path | None = None, rate: float = 20.0) -> Iterator[Scene]:
    print(f"seed {SEED}")
    topics = (f"{PREFIX}/+/alert", f"{PREFIX}/+/gap")
    with (
        Broker(folder / "broker", persistence=True) as broker,
        Subscriber(broker.port, *topics, client_id="desk", persistent=True) as subscriber,
        Daemon(state or folder / "state", broker, "--rate", str(rate)) as daemon,
    ):
        daemon.state.mkdir(exist_ok=True)
        yield Scene(broker, subscriber, daemon)


def pause(seconds: float) -> None:
    """Let the world run: the faults come at random moments, which no condition can name."""
    time.sleep(seconds)
