"""How many examples a fuzz of what comes from outside runs, in CI as elsewhere."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

THOUSANDS = settings(max_examples=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""For tests whose example takes about a millisecond; Hypothesis' own default is 100."""
