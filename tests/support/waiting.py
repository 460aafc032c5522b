"""Waiting for something to become true, with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.02
PATIENCE_S = 30.0
"""Costs nothing where all is well; a machine that does other work besides needs far more than an idle one."""


def eventually(
    predicate: Callable[[], T],
    timeout_s: float = PATIENCE_S,
    *,
    what: str | Callable[[], object] = "",
) -> T:
    """The first truthy value of `predicate`; an AssertionError that says `what` when the deadline passes first.

    `what` may be a function, so that the message can tell how things stood at the end.
    """
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"not within {timeout_s:g} s: {told or predicate}")
        pause.wait(POLL_S)


def throughout(predicate: Callable[[], object], for_s: float, *, what: str = "") -> None:
    """An AssertionError as soon as `predicate` is false within the time; for things that must go on being true."""
    deadline = time.monotonic() + for_s
    pause = threading.Event()
    while time.monotonic() < deadline:
        assert predicate(), f"stopped being true: {what or predicate}"
        pause.wait(POLL_S)
