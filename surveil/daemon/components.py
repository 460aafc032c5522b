"""The parts of a running node: what is not in here does not belong to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from surveil.component import Component

C = TypeVar("C", bound=Component)


class Components:
    """Every part that holds a thread, a socket, a file or a model. Filled in the main thread, asked from any."""

    def __init__(self) -> None:
        self._parts: dict[str, Component] = {}

    def register(self, part: C) -> C:
        """Take the part into the node; returns it. Raises ValueError for a second one of that name."""
        if part.name in self._parts:
            raise ValueError(f"two parts are called {part.name}")
        # A new dictionary: who iterates in another thread keeps the one it has.
        self._parts = {**self._parts, part.name: part}
        return part

    def __iter__(self) -> Iterator[Component]:
        """In the order of their registration."""
        return iter(self._parts.values())

    def counters(self) -> dict[str, Mapping[str, float]]:
        """Part's name -> its numbers, of those that answer. Any thread."""
        found = {}
        for part in self:
            with contextlib.suppress(Exception):
                found[part.name] = part.counters()
        return found
