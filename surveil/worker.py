"""One thread, told to stop by a flag, watched by its heartbeat.

A worker's life is a loop over `step()`. Tests call `step()` themselves, with no thread and no sleep; `start()` is for
the daemon. An exception that leaves `step()` is kept in `failure` and handed to `on_failure`: it ends the process.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence

from surveil.clock import NS_PER_S, Clock
from surveil.records import Problem

logger = logging.getLogger(__name__)

WorkerFailed = Callable[["Worker", BaseException], None]


class Worker:
    """Base of all long-running threads. Subclasses override `step`, and `begin`/`finish` where they own something."""

    def __init__(self, name: str, *, clock: Clock, on_failure: WorkerFailed | None = None) -> None:
        self.name = name
        self.failure: BaseException | None = None
        self._clock = clock
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._beat_mono_ns = clock.monotonic_ns()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Runs first, in the worker's thread."""

    def step(self) -> None:
        """One bounded piece of work; waits for work at most about a second, through `wait` or a queue's time limit."""
        raise NotImplementedError

    def finish(self) -> None:
        """Runs last, in the worker's thread, also after a failure."""

    def start(self) -> None:
        """Main thread. A worker starts once."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end. Any thread, also before `start`; returns at once."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def join(self, deadline_mono_ns: int) -> bool:
        """Wait for the end until the deadline; True when the thread is gone (or never was)."""
        if self._thread is None:
            return True
        left_s = (deadline_mono_ns - self._clock.monotonic_ns()) / NS_PER_S
        self._thread.join(max(0.0, left_s))
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Sleep that a stop cuts short; True when stopping."""
        return self._stopping.wait(seconds)

    def beat(self) -> None:
        """Say that the thread is getting somewhere. Called before each step; long steps call it too."""
        self._beat_mono_ns = self._clock.monotonic_ns()

    @property
    def allowance_s(self) -> float:
        """The oldest beat that a watchdog should accept now: a disk that is slow to sync is not a hung thread."""
        return 30.0

    def beat_age_s(self) -> float:
        """Seconds since the last beat. Any thread."""
        return (self._clock.monotonic_ns() - self._beat_mono_ns) / NS_PER_S

    def problems(self) -> Sequence[Problem]:
        """What keeps the thread's work from being fully itself; a thread that died ends the process instead."""
        return ()

    def counters(self) -> Mapping[str, float]:
        """Numbers since the start."""
        return {}

    def stack(self) -> str:
        """Where the thread stands now, for the log of a stop that took too long."""
        ident = self._thread.ident if self._thread else None
        stack = sys._current_frames().get(ident) if ident is not None else None
        return "".join(traceback.format_stack(stack)) if stack else "(no stack)"

    def _run(self) -> None:
        try:
            self.begin()
            while not self.stopping:
                self.beat()
                self.step()
        except BaseException as error:
            self._fail(error)
        finally:
            self._finish()

    def _finish(self) -> None:
        try:
            self.finish()
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        if self._on_failure is None:
            logger.critical("thread %s died", self.name, exc_info=error)
        else:
            self._on_failure(self, error)


def stop_and_join(
    workers: Iterable[Worker], *, clock: Clock, deadline_mono_ns: int
) -> list[Worker]:
    """Tell a whole stage to stop, then join it under one deadline; returns those that did not end."""
    stage = list(workers)
    for worker in stage:
        worker.stop()
    return [worker for worker in stage if not worker.join(deadline_mono_ns)]
