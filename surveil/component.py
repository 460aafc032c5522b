"""What every long-lived part of a running node answers, so that nothing that runs is left unasked.

A part that holds a thread, a socket, a file or a model is a Component, and `daemon` can hold no other kind: see
surveil.daemon.components.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from surveil.records import Problem


@runtime_checkable
class Component(Protocol):
    """All of it may be asked from any thread, and answers at once, from what the part already knows."""

    @property
    def name(self) -> str:
        """Stable, one in a node; a thread's name where the part is a thread."""
        ...

    def problems(self) -> Sequence[Problem]:
        """What keeps this part from being fully itself now; empty when nothing does."""
        ...

    def counters(self) -> Mapping[str, float]:
        """Numbers since the start, each with its unit in its name; none may be needed to be healthy."""
        ...
