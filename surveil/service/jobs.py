"""Periodic work that belongs to wall time: retention, statistics, the canary, the nightly check.

APScheduler counts on the wall clock, which jumps on a box without a clock battery. After a jump the daemon calls
`readd`, and every job is due again when the monotonic clock says so.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from surveil.clock import NS_PER_S, Clock, ns

logger = logging.getLogger(__name__)

JobFailed = Callable[[str, BaseException], None]


@dataclass(slots=True)
class _Job:
    name: str
    function: Callable[[], object]
    seconds: float | None
    """None for a daily one."""
    at: tuple[int, int] = (0, 0)
    next_mono_ns: int = 0


class Jobs:
    """Named jobs, each in a thread of its own, never two runs of one at a time. Main thread, but for the jobs.

    An exception in a job, or in the scheduler's own thread, is handed to `on_failure(name, error)`.
    """

    def __init__(
        self, *, clock: Clock, on_failure: JobFailed, timezone: dt.tzinfo | None = None
    ) -> None:
        self._clock = clock
        self._on_failure = on_failure
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
        next_ns = self._clock.monotonic_ns() + ns(first_s)
        self._add(_Job(name, function, seconds, next_mono_ns=next_ns))

    def daily(self, name: str, *, at: str, function: Callable[[], object]) -> None:
        """Run `function` once a day at local time `HH:MM`. Raises ValueError for anything else."""
        moment = dt.time.fromisoformat(at)
        self._add(_Job(name, function, None, at=(moment.hour, moment.minute)))

    def remove(self, name: str) -> None:
        """Forget the job; a run that has begun goes on."""
        if self._jobs.pop(name, None) is not None:
            self._scheduler.remove_job(name)

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

    def _add(self, job: _Job) -> None:
        self._jobs[job.name] = job
        options: dict[str, Any] = {}
        if job.seconds is not None:
            left_s = max(0.0, (job.next_mono_ns - self._clock.monotonic_ns()) / NS_PER_S)
            zone = self._scheduler.timezone
            options["next_run_time"] = dt.datetime.now(zone) + dt.timedelta(seconds=left_s)
        self._scheduler.add_job(
            self._run,
            self._trigger(job),
            args=(job,),
            id=job.name,
            name=job.name,
            replace_existing=True,
            **options,
        )

    def _trigger(self, job: _Job) -> IntervalTrigger | CronTrigger:
        zone = self._scheduler.timezone
        if job.seconds is not None:
            return IntervalTrigger(seconds=job.seconds, timezone=zone)
        hour, minute = job.at
        return CronTrigger(hour=hour, minute=minute, timezone=zone)

    def _run(self, job: _Job) -> None:
        """In the job's own thread."""
        if job.seconds is not None:
            job.next_mono_ns = self._clock.monotonic_ns() + ns(job.seconds)
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
