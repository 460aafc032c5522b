"""A camera that is down says so once, not every ten seconds for a week."""

from __future__ import annotations

import copy
import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass

from surveil.clock import Clock, ns

WINDOW_S = 600.0
MAX_KEYS = 512
"""Kinds of failure remembered; the longest unheard of leaves first."""

_Key = tuple[str, int, str, str | None]


@dataclass(slots=True)
class _Repeat:
    record: logging.LogRecord
    until_ns: int
    held_back: int = 0


class RepeatFilter(logging.Filter):
    """Lets a warning or error through once in `window_s`, counts the rest. Any thread.

    The same failure is: same logger, level, message before its arguments are filled in, and first argument where that
    is a string, because messages begin with whom they are about: sixteen cameras that fail are sixteen failures.
    """

    def __init__(self, clock: Clock, *, window_s: float = WINDOW_S) -> None:
        super().__init__()
        self._clock = clock
        self._window_s = window_s
        self._lock = threading.Lock()
        self._repeats: OrderedDict[_Key, _Repeat] = OrderedDict()
        self._over: list[_Repeat] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            known = self._repeats.get(_key(record))
            if known is None or now_ns >= known.until_ns:
                self._begin(record, now_ns)
                return True
            known.record = record
            known.held_back += 1
        return False

    def summaries(self) -> list[logging.LogRecord]:
        """One record for each failure whose window has passed and that was held back meanwhile; told once."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            for key in [k for k, repeat in self._repeats.items() if now_ns >= repeat.until_ns]:
                self._over.append(self._repeats.pop(key))
            over, self._over = self._over, []
        return [self._summary(repeat) for repeat in over if repeat.held_back]

    def _begin(self, record: logging.LogRecord, now_ns: int) -> None:
        key = _key(record)
        if key in self._repeats:
            self._over.append(self._repeats.pop(key))
        self._repeats[key] = _Repeat(record, now_ns + ns(self._window_s))
        while len(self._repeats) > MAX_KEYS:
            self._over.append(self._repeats.popitem(last=False)[1])

    def _summary(self, repeat: _Repeat) -> logging.LogRecord:
        """A copy: the record itself belongs to every other handler too."""
        record = copy.copy(repeat.record)
        times = f"came {repeat.held_back} more times within {self._window_s:.0f} s"
        record.msg, record.exc_info = f"{record.msg} ({times})", None
        return record


def _key(record: logging.LogRecord) -> _Key:
    first = record.args[0] if isinstance(record.args, tuple) and record.args else None
    return record.name, record.levelno, str(record.msg), first if isinstance(first, str) else None
