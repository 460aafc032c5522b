"""What every part of a node is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from surveil.clock import Clock, WallTime
from surveil.config import Config
from surveil.daemon.mqtt_commands import Commands
from surveil.daemon.resources import Resources
from surveil.worker import WorkerFailed

NameFailed = Callable[[str, BaseException], None]
"""Told which job died, and of what."""


@dataclass(frozen=True)
class Context:
    """One for a whole node. The two callbacks are called in the thread that failed."""

    config: Config
    clock: Clock
    wall: WallTime
    resources: Resources
    commands: Commands
    on_failure: WorkerFailed
    on_job_failure: NameFailed

    def unix_ms(self) -> int:
        """Now, on the wall clock."""
        return self.wall.unix_ms_at(self.clock.monotonic_ns())
