"""How many pictures are worth handing over at once: found by trying."""

from __future__ import annotations

import time
from collections.abc import Callable

from surveil.errors import OutOfMemoryError

SIZES = (1, 2, 4, 8, 16, 32, 64)
WORTHWHILE = 1.05
"""A doubled batch must caption at least this many times more a second; below that it only adds waiting."""
LONGEST_S = 4.0
"""A batch that takes longer makes every camera in it wait; a box that slow gains little from batches anyway."""


def best_batch(
    run: Callable[[int], object], *, now_s: Callable[[], float] = time.perf_counter
) -> int:
    """The largest of SIZES that still paid. `run(size)` captions that many; OutOfMemoryError ends the search."""
    best, best_rate = 1, 0.0
    for size in SIZES:
        try:
            took_s = min(_timed(run, size, now_s), _timed(run, size, now_s))
        except OutOfMemoryError:
            break
        rate = size / max(took_s, 1e-9)
        if rate < best_rate * WORTHWHILE:
            break
        best, best_rate = size, rate
        if 2 * took_s > LONGEST_S:
            break
    return best


def _timed(run: Callable[[int], object], size: int, now_s: Callable[[], float]) -> float:
    began_s = now_s()
    run(size)
    return now_s() - began_s
