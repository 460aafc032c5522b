"""Unclean ends, remembered across restarts: a model that keeps killing the daemon is given up for one that runs.

A process that is killed (by the watchdog, the kernel's out-of-memory killer, a fault in native code) cannot say so.
It leaves a mark at its start and takes it away at its end; a mark that is found was left by one that was killed. Times
are the monotonic clock of one boot, which all processes share and no clock step touches; a power cut, too, leaves a
mark, but of another boot, and does not count.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from surveil.clock import Clock, ns
from surveil.errors import StoreError
from surveil.records import Problem

logger = logging.getLogger(__name__)

CRASH_FILE = "crashes.json"
WITHIN_S = 3600.0
FALL_BACK_AFTER = 3
KEPT = 20
RETRY_NS = ns(10.0)
REMEDY = "make room on the disk of state_dir, and see that surveil may write there"
COUNTED = ("killed", "model")
"""What a model can do to the daemon; an exception in the alerts thread is not cured by another model."""


@dataclass(frozen=True, slots=True)
class End:
    """One unclean end. `mono_ns` is when it was recorded; `cause` is `killed`, `model` or the name of a thread."""

    boot_id: str
    mono_ns: int
    cause: str


def fall_back_due(
    ends: Sequence[End], *, boot_id: str, now_mono_ns: int, after: int = FALL_BACK_AFTER
) -> bool:
    """Whether `after` ends that the model may have caused lie within the last hour of this boot."""
    since_ns = now_mono_ns - ns(WITHIN_S)
    recent = [
        e for e in ends if e.boot_id == boot_id and e.cause in COUNTED and e.mono_ns > since_ns
    ]
    return len(recent) >= after


class CrashLog:
    """The ends of this state directory's daemons. Main thread, but `problems` and `counters` from any.

    A disk that refuses stops nothing: what could not be written is a problem, and is tried again by `settle`.
    """

    name = "crash-log"

    def __init__(self, state_dir: Path, *, clock: Clock, boot_id: str | None = None) -> None:
        self._path = state_dir / CRASH_FILE
        self._clock = clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._ends: list[End] = []
        self._running = False
        self._problem: Problem | None = None
        self._retry_mono_ns = 0

    def started(self) -> bool:
        """Record how the last process ended, mark this one; True when the fall-back is to be started instead.

        Called once, with the instance lock held: another's mark would look like a kill.
        """
        self._ends, mark = self._read()
        now_ns = self._clock.monotonic_ns()
        if mark == self._boot_id:
            self._ends.append(End(self._boot_id, now_ns, "killed"))
        self._running = True
        self._write()
        return fall_back_due(self._ends, boot_id=self._boot_id, now_mono_ns=now_ns)

    def ended(self, cause: str | None) -> None:
        """Take the mark away; `cause` is None for an end in order, `model`, or the name of the thread that failed."""
        if cause is not None:
            self._ends.append(End(self._boot_id, self._clock.monotonic_ns(), cause))
        self._running = False
        self._write()

    def settle(self) -> None:
        """Try, now and then, to write what the disk refused."""
        if self._problem is not None and self._clock.monotonic_ns() >= self._retry_mono_ns:
            self._write()

    def problems(self) -> Sequence[Problem]:
        return () if self._problem is None else (self._problem,)

    def counters(self) -> Mapping[str, float]:
        return {"unclean_ends": len(self._ends)}

    @property
    def ends(self) -> tuple[End, ...]:
        """Oldest first, as read by `started`."""
        return tuple(self._ends)

    def _read(self) -> tuple[list[End], str | None]:
        """The known ends, and the boot of a process that was not seen to end."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return [End(**entry) for entry in document["ends"]], document["running_in_boot"]
        except FileNotFoundError:
            return [], None
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s cannot be read and is begun anew: %s", self._path, error)
            return [], None

    def _write(self) -> None:
        self._ends = self._ends[-KEPT:]
        document = {
            "running_in_boot": self._boot_id if self._running else None,
            "ends": [asdict(end) for end in self._ends],
        }
        try:
            write_atomically(self._path, json.dumps(document, indent=1) + "\n")
        except StoreError as error:
            self._refused(error)
        else:
            self._problem = None

    def _refused(self, error: StoreError) -> None:
        self._retry_mono_ns = self._clock.monotonic_ns() + RETRY_NS
        if self._problem is None:
            text = f"{error}; a model that kills surveil again and again would not be noticed"
            logger.warning("%s", text)
            self._problem = Problem(
                "bookkeeping", text, self._clock.unix_ms(), component=self.name, remedy=REMEDY
            )


def write_atomically(path: Path, text: str) -> None:
    """Old or new content, never half, also after a power cut. Raises StoreError."""
    temporary = path.with_suffix(".new")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


def read_boot_id() -> str:
    """The kernel's name for this boot; empty where it gives none, which then counts as one endless boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
