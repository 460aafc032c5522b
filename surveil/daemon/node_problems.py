"""What is wrong with the node as a whole, and with no part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from surveil.clock import Clock, WallTime, ns
from surveil.errors import ConfigError
from surveil.records import Problem

STEP_TOLD_MIN_MS = 10_000
"""Of the wall clock; less is what time synchronisation does at a start."""
STEP_TOLD_NS = ns(600.0)
"""How long a step is told."""


class NodeProblems:
    """Told by the main thread, asked from any: a Component."""

    name = "node"

    def __init__(self, clock: Clock, wall: WallTime) -> None:
        self._clock = clock
        self._wall = wall
        self._problems: dict[str, Problem] = {}
        self._step_told_until_ns = 0
        self._opened_total = 0

    def problems(self) -> Sequence[Problem]:
        told = list(self._problems.values())
        if self._clock.monotonic_ns() >= self._step_told_until_ns:
            return [problem for problem in told if problem.code != "clock_stepped"]
        return told

    def counters(self) -> Mapping[str, float]:
        return {"opened_total": self._opened_total}

    def fell_back(self, text: str) -> None:
        """Another captioner runs than the one that was configured; lasts until the next start."""
        remedy = "`journalctl -u surveil -p err` says why; then restart"
        self._set(Problem("fallback", text, self._now_ms(), remedy=remedy))

    def reload_refused(self, error: ConfigError) -> None:
        text = f"the new configuration was refused, the former one runs: {error}"
        remedy = "mend what `surveil check` names, then `systemctl reload surveil`"
        self._set(Problem("reload", text, self._now_ms(), remedy=remedy))

    def reloaded(self) -> None:
        self._clear("reload")

    def clock_stepped(self, step_ms: int) -> None:
        """The wall clock jumped; told for a while, when it was far."""
        if abs(step_ms) < STEP_TOLD_MIN_MS:
            return
        text = f"the wall clock was stepped by {step_ms / 1000:.0f} s: times told before are off by that much"
        remedy = "let systemd-timesyncd or chrony keep the time; look at the box's clock battery"
        self._set(Problem("clock_stepped", text, self._now_ms(), remedy=remedy))
        self._step_told_until_ns = self._clock.monotonic_ns() + STEP_TOLD_NS

    def hung(self, threads: Sequence[str]) -> None:
        """Those that do not move now. systemd's watchdog ends the process soon; elsewhere nobody would know."""
        if not threads:
            self._clear("thread_hung")
            return
        text = f"{', '.join(threads)} does not move: what it does is not done"
        remedy = "restart surveil; the log has the stacks, report them"
        self._set(Problem("thread_hung", text, self._now_ms(), remedy=remedy))

    def state_folder(self, refusal: OSError | None) -> None:
        """Whether the folder of databases and pictures can be looked at now."""
        if refusal is None:
            self._clear("state_folder")
            return
        text = f"the state folder cannot be looked at: {refusal.strerror or refusal}"
        remedy = "mount or mend the disk of `state_dir`, then restart surveil"
        self._set(Problem("state_folder", text, self._now_ms(), remedy=remedy))

    def _set(self, problem: Problem) -> None:
        self._opened_total += problem.code not in self._problems
        # A new dictionary: who iterates in another thread keeps the one it has.
        self._problems = {**self._problems, problem.code: problem}

    def _clear(self, code: str) -> None:
        self._problems = {name: one for name, one in self._problems.items() if name != code}

    def _now_ms(self) -> int:
        return self._wall.unix_ms_at(self._clock.monotonic_ns())
