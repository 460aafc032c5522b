"""One frame's way from socket to PUBACK: the files that a reader of it has to open.

`python -m tests.house.frame_way FOLDER SECONDS` runs the demo in this process, notes which functions of surveil run in
the threads on the way from the start to the beginning of the stop, and prints what it saw as JSON. A trace function is
told of each call; what is reached only by
way of a log line (a frame of `logging` above it) does not count, and neither does the language.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import logging
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.house.finding import PACKAGE, PROJECT, Finding, in_room
from tests.house.sizes import FILE_LINES_MAX

FILES_MAX = 40
THREADS = ("cap-", "captioner", "alerts", "delivery-mqtt")
"""How the names of the threads begin that carry a frame."""
SECONDS = (20.0, 60.0)
"""The clips raise their first alert after about 5 s. A second, longer try is for a machine that was busy."""
EXTRA_S = 120.0
"""For imports, loading the model, and the stop."""
_LOGGING = str(Path(logging.__file__).parent)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the demo showed."""

    files: Mapping[str, Sequence[str]]
    """File -> names of the threads in which a function of it ran."""
    acknowledged: int
    """Alerts that the broker acknowledged and a subscriber received."""


class CallRecorder:
    """Notes in which threads which files of a package run. Use as `threading.settrace(recorder.begin)`."""

    def __init__(self, package: Path, threads: tuple[str, ...]) -> None:
        self._root = f"{package}/"
        self._threads = threads
        self._seen: dict[tuple[str, str], None] = {}
        self._over = False

    def end(self) -> None:
        """What runs from now on is no frame's way."""
        self._over = True

    def files(self) -> dict[str, list[str]]:
        """Path within the package's parent -> thread kinds."""
        found: dict[str, list[str]] = {}
        for path, kind in sorted(self._seen):
            found.setdefault(f"{Path(self._root).name}/{path}", []).append(kind)
        return found

    def begin(self, frame: FrameType, event: str, arg: Any) -> None:
        """The first call in a thread: follow it, if it is on the way."""
        del frame, event, arg
        name = threading.current_thread().name
        kind = next((kind for kind in self._threads if name.startswith(kind)), None)
        sys.settrace(self._follow(kind) if kind is not None else None)

    def _follow(self, kind: str) -> Callable[[FrameType, str, Any], None]:
        known: dict[int, CodeType] = {}
        """id -> code, held so that no other code can get the id."""

        def called(frame: FrameType, event: str, arg: Any) -> None:
            del event, arg
            code = frame.f_code
            if self._over or id(code) in known:
                return
            if code.co_filename.startswith(self._root) and code.co_flags & inspect.CO_OPTIMIZED:
                if by_logging(frame):
                    return
                self._seen[code.co_filename.removeprefix(self._root), kind] = None
            known[id(code)] = code

        return called


def by_logging(frame: FrameType | None) -> bool:
    """Whether a function of the stdlib's logging is among the callers."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(_LOGGING):
            return True
        frame = frame.f_back
    return False


def frame_way(package: Path, runs: Callable[[float], Run] | None = None) -> Finding:
    """Profile the demo, a second time where the first showed no alert."""
    profile = runs or demo_run
    for seconds in SECONDS:
        run = profile(seconds)
        if run.acknowledged:
            break
    return judged(run, package)


def judged(run: Run, package: Path) -> Finding:
    """Broken when it takes too many files, or one too long, or when nothing went the whole way."""
    way = sorted(
        path for path in run.files if not in_room(package.parent / path, package, "language")
    )
    lengths = {path: _lines(package.parent / path) for path in way}
    faults = [f"{path}: {n} lines" for path, n in lengths.items() if n > FILE_LINES_MAX]
    if len(way) > FILES_MAX:
        faults.append(f"{len(way)} files; at most {FILES_MAX} are allowed")
    if not run.acknowledged:
        faults.append("no alert was acknowledged in the run, so nothing went the whole way")
    unseen = [kind for kind in THREADS if not any(kind in kinds for kinds in run.files.values())]
    faults += [f"no thread named {kind}* ran anything" for kind in unseen]
    return Finding(
        f"one frame's way in at most {FILES_MAX} files",
        f"{len(way)} files, {sum(lengths.values())} lines; {run.acknowledged} alerts acknowledged",
        faults,
        details=[f"{n:4} {path}  ({', '.join(run.files[path])})" for path, n in lengths.items()],
    )


def demo_run(seconds: float) -> Run:
    """In a process of its own: the demo sets up signals, logging and threads."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.house.frame_way", f"{folder}/demo", f"{seconds}"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + EXTRA_S,
        )
    if done.returncode:
        raise RuntimeError(f"the demo did not run:\n{done.stdout}{done.stderr}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _acknowledged(state: Path) -> int:
    """Alerts of which no delivery waits any more: an acknowledged one's row is deleted."""
    with contextlib.closing(sqlite3.connect(state / "alerts.db")) as database:
        row = database.execute(
            """SELECT count(*) FROM alerts a
               WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.alert_row = a.row_id)"""
        ).fetchone()
    return int(row[0])


def _play(folder: Path, seconds: float, *, at_stop: Callable[[], None]) -> Run:
    from surveil.daemon import Daemon  # after the trace function is set: threads start with it
    from surveil.demo import play

    stop = Daemon.stop

    def stopped(daemon: Daemon) -> None:
        at_stop()
        stop(daemon)

    setattr(Daemon, "stop", stopped)  # noqa: B010 - this process plays one demo, and ends
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        play(seconds=seconds, as_json=True, folder=folder)
    received = len(json.loads(said.getvalue())["alerts"])
    return Run({}, min(received, _acknowledged(folder / "state")))


def main(arguments: Sequence[str]) -> int:
    folder, seconds = Path(arguments[0]), float(arguments[1])
    recorder = CallRecorder(PACKAGE, THREADS)
    threading.settrace(recorder.begin)
    try:
        run = _play(folder, seconds, at_stop=recorder.end)
    finally:
        threading.settrace(None)
    print(json.dumps({"files": recorder.files(), "acknowledged": run.acknowledged}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
