"""What is wrong with the way to the broker, in words: told while it lasts, and not each time it flickers."""

from __future__ import annotations

from collections.abc import Sequence

from surveil.clock import NS_PER_MS, Clock, ns
from surveil.delivery.mqtt.mqtt_session import REFUSED, SILENT, TAKEN_OVER, UNREACHABLE, Lost
from surveil.records import Problem

GRACE_NS = ns(5.0)
"""A connection that is back by then was not missed."""
BEYOND_RETRY_NS = ns(30.0)
"""A connection that outlives its twin's longest wait by so much has no twin any more."""

REMEDIES = {
    UNREACHABLE: "see that the broker runs and listens there, and mqtt.host, mqtt.port and mqtt.tls",
    REFUSED: "see to mqtt.username and its password, and to what the broker allows this client",
    TAKEN_OVER: "give each node a name of its own (node), or mqtt.client_id; stop the one that runs twice",
    SILENT: "restart the broker; its log may say why it takes messages and acknowledges none",
}


class ConnectionProblems:
    """`problems` from any thread, the rest in the delivery thread."""

    def __init__(self, clock: Clock, *, component: str, where: str, retry_max_s: float) -> None:
        self._clock = clock
        self._component = component
        self._where = where
        self._trusted_after_ns = ns(retry_max_s) + BEYOND_RETRY_NS
        self._accepted_mono_ns: int | None = None
        self._down_mono_ns = clock.monotonic_ns()
        self._down_unix_ms = clock.unix_ms()
        self._lost: Lost | None = None
        self._twin: Problem | None = None
        self._silent: Problem | None = None

    def accepted(self) -> None:
        """The broker took us."""
        self._accepted_mono_ns = self._clock.monotonic_ns()
        self._lost = None

    def lost(self, lost: Lost) -> None:
        """The connection ended, or another attempt failed."""
        if self._accepted_mono_ns is not None:
            self._accepted_mono_ns = None
            self._down_mono_ns = self._clock.monotonic_ns()
            self._down_unix_ms = self._clock.unix_ms()
        if lost.code == TAKEN_OVER:
            since_ms = self._twin.since_unix_ms if self._twin else self._clock.unix_ms()
            self._twin = self._problem(TAKEN_OVER, lost.reason, since_ms)
        elif lost.code == SILENT and self._silent is None:
            began_ms = self._clock.unix_ms() - lost.silent_ns // NS_PER_MS
            self._silent = self._problem(SILENT, lost.reason, began_ms)
        self._lost = lost

    def acknowledged(self) -> None:
        """A PUBACK: something came out at the other end."""
        self._silent = None

    def problems(self) -> Sequence[Problem]:
        twin, silent, down = self._twin_now(), self._silent, self._down()
        return tuple(problem for problem in (down, twin, silent) if problem is not None)

    def _down(self) -> Problem | None:
        """No connection for longer than a moment, unless another problem says why."""
        lost = self._lost
        if self._accepted_mono_ns is not None:
            return None
        if self._clock.monotonic_ns() - self._down_mono_ns < GRACE_NS:
            return None
        if lost is None:
            text = f"{self._where}: the first attempt has not come to an end; is its name known?"
            return self._problem(UNREACHABLE, text, self._down_unix_ms)
        if lost.code in (TAKEN_OVER, SILENT):
            return None
        return self._problem(lost.code, lost.reason, self._down_unix_ms)

    def _twin_now(self) -> Problem | None:
        """Two clients of one id take turns: each connection of ours looks well until the other returns."""
        accepted_ns = self._accepted_mono_ns
        if accepted_ns is None or self._twin is None:
            return self._twin
        if self._clock.monotonic_ns() - accepted_ns > self._trusted_after_ns:
            self._twin = None
        return self._twin

    def _problem(self, code: str, text: str, since_unix_ms: int) -> Problem:
        return Problem(code, text, since_unix_ms, component=self._component, remedy=REMEDIES[code])
