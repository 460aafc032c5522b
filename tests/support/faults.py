"""How often fault tests repeat themselves: in full under `make faults`, a tenth elsewhere."""

from __future__ import annotations

import os
import random

FULL = os.environ.get("SURVEIL_FAULTS") == "full"


def times(full: int) -> int:
    """The count for this run; at least one."""
    return full if FULL else max(1, full // 10)


def seed() -> int:
    """Fresh each run unless SURVEIL_SEED says which; printed, so that a failure can be repeated."""
    chosen = int(os.environ.get("SURVEIL_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SURVEIL_SEED={chosen}")
    return chosen
