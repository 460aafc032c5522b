"""Periodic work that belongs to wall time: retention, statistics, the canary.

APScheduler counts on the wall clock, which jumps on a box without a clock battery. After a jump the daemon calls
`readd`, and every job is due again when the monotonic clock says so.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from surveil.clock import NS_PER_S, Clock, ns
from surveil.records import Problem

logger = logging.getLogger(__name__)

JobFailed = Callable[[str, BaseException], None]


@dataclass(slots=True)
class _Job:
    name: str
    seconds: float
    function: Callable[[], object]
    next_mono_ns: int
    """When it is due; the wall clock may be stepped, this is what counts."""


class Jobs:
    """Named jobs, each in a thread of its own, never two runs of one at a time. Main thread, but for the jobs.

    An exception in a job, or in the scheduler's own thread, is handed to `on_failure(name, error)`; `on_run(name)` is
    called when a run begins. Both in the thread where it happens.
    """

    name = "jobs"

    def __init__(
        self,
        *,
        clock: Clock,
        on_failure: JobFailed,
        on_run: Callable[[str], None] | None = None,
        timezone: dt.tzinfo | None = None,
    ) -> None:
        self._clock = clock
        self._on_failure = on_failure
        self._on_run = on_run or (lambda name: None)
        self._jobs: dict[str, _Job] = {}
        self._idle = threading.Condition()
        self._running: set[str] = set()
        self._scheduler = _Scheduler(
            on_failure=on_failure,
            executors={"default": _Threads()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            **({} if timezone is None else {"timezone": timezone}),
        )

    def every(
        self,
        name: str,
        seconds: float,
        function: Callable[[], object],
        *,
        first_after_s: float | None = None,
    ) -> None:
        """Run `function` every so many seconds; the first time after `first_after_s`, else after one interval.

        A second job of the same name replaces the first.
        """
        first_s = seconds if first_after_s is None else first_after_s
        self._add(_Job(name, seconds, function, self._clock.monotonic_ns() + ns(first_s)))

    def start(self) -> None:
        self._scheduler.start()

    def readd(self) -> None:
        """Add all jobs again; to be called after the wall clock was stepped."""
        for job in list(self._jobs.values()):
            self._add(job)

    def stop(self, deadline_mono_ns: int) -> list[str]:
        """Begin no more runs, wait for those that have begun; names of those that are still running at the deadline."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            while self._running:
                left_s = (deadline_mono_ns - self._clock.monotonic_ns()) / NS_PER_S
                if left_s <= 0 or not self._idle.wait(left_s):
                    break
            return sorted(self._running)

    def problems(self) -> Sequence[Problem]:
        """A job that fails ends the process; there is nothing between."""
        return ()

    def counters(self) -> Mapping[str, float]:
        with self._idle:
            return {"running": len(self._running)}

    def _add(self, job: _Job) -> None:
        self._jobs[job.name] = job
        left_s = max(0.0, (job.next_mono_ns - self._clock.monotonic_ns()) / NS_PER_S)
        zone = self._scheduler.timezone
        self._scheduler.add_job(
            self._run,
            IntervalTrigger(seconds=job.seconds, timezone=zone),
            args=(job,),
            id=job.name,
            name=job.name,
            next_run_time=dt.datetime.now(zone) + dt.timedelta(seconds=left_s),
            replace_existing=True,
        )

    def _run(self, job: _Job) -> None:
        """In the job's own thread."""
        job.next_mono_ns = self._clock.monotonic_ns() + ns(job.seconds)
        self._on_run(job.name)
        with self._idle:
            self._running.add(job.name)
        try:
            job.function()
        except BaseException as error:
            self._on_failure(f"job {job.name}", error)
        finally:
            with self._idle:
                self._running.discard(job.name)
                self._idle.notify_all()


class _Scheduler(BackgroundScheduler):  # type: ignore[misc] # APScheduler ships no types
    """APScheduler's thread, whose own death is told as well."""

    def __init__(self, *, on_failure: JobFailed, **options: Any) -> None:
        super().__init__(**options)
        self._on_failure = on_failure

    def _main_loop(self) -> None:
        try:
            super()._main_loop()
        except BaseException as error:
            self._on_failure("scheduler", error)


class _Threads(BaseExecutor):  # type: ignore[misc] # APScheduler ships no types
    """A daemon thread for each run. The standard pool's threads are waited for at exit: one hung job, and the process
    would never end."""

    def _do_submit_job(self, job: Any, run_times: list[dt.datetime]) -> None:
        threading.Thread(
            target=self._run, args=(job, run_times), name=f"job-{job.id}", daemon=True
        ).start()

    def _run(self, job: Any, run_times: list[dt.datetime]) -> None:
        try:
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
        except BaseException:
            self._run_job_error(job.id, *sys.exc_info()[1:])
        else:
            self._run_job_success(job.id, events)
