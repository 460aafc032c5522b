"""What keeps the node from being fully itself, as a list that any thread may add to and take from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from surveil.records import Problem
from surveil.redact import redact


class Health:
    """Open problems by code. Any thread."""

    def __init__(
        self,
        unix_ms: Callable[[], int],
        on_change: Callable[[tuple[Problem, ...]], None] | None = None,
    ) -> None:
        self._unix_ms = unix_ms
        self._on_change = on_change
        self._lock = threading.Lock()
        self._publishing = threading.RLock()
        self._problems: dict[str, Problem] = {}

    def set(self, code: str, text: str) -> None:
        """Open the problem, or give it new words; `since` stays that of its opening."""
        text = redact(text)
        with self._lock:
            known = self._problems.get(code)
            if known is not None and known.text == text:
                return
            since_unix_ms = known.since_unix_ms if known else self._unix_ms()
            self._problems[code] = Problem(code, text, since_unix_ms)
        self._publish()

    def clear(self, code: str) -> None:
        with self._lock:
            if self._problems.pop(code, None) is None:
                return
        self._publish()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """In the order in which they arose."""
        with self._lock:
            return tuple(self._problems.values())

    @property
    def state(self) -> Literal["ok", "degraded"]:
        return "degraded" if self.problems else "ok"

    def _publish(self) -> None:
        """One at a time, each reading the list afresh, so that what was published last is how things are."""
        if self._on_change is not None:
            with self._publishing:
                self._on_change(self.problems)
