"""What keeps the node from being fully itself: asked of every part once a second, and told to whoever wants to know.

The one place where health is made. A part says what is wrong with it as long as it is; here it is found out what is
new and what is over. `since` is that of the beginning, whatever the part says later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from surveil.component import Component
from surveil.records import Problem
from surveil.redact import redact

logger = logging.getLogger(__name__)

MAX_TEXT = 500
"""Characters of a text: 256 cameras with one problem each must fit into one MQTT message."""
MUTE = "component_failed"
"""A part that cannot even say how it is."""

Key = tuple[str, str]
"""Component, code."""


class HealthMonitor:
    """`tick` and `listen` in the main thread; `problems` from any."""

    def __init__(self, components: Iterable[Component], unix_ms: Callable[[], int]) -> None:
        self._components = components
        self._unix_ms = unix_ms
        self._listeners: list[Callable[[tuple[Problem, ...]], None]] = []
        self._open: dict[Key, Problem] = {}
        self._told: tuple[Problem, ...] | None = None

    def listen(self, listener: Callable[[tuple[Problem, ...]], None]) -> None:
        """Called from `tick`, with all problems, after the first round and whenever one of them changed."""
        self._listeners.append(listener)

    def tick(self) -> list[Problem]:
        """Ask every part; returns the problems that are new. Never raises for what a part does."""
        before, found = self._open, self._ask()
        self._open = {
            key: replace(problem, since_unix_ms=before[key].since_unix_ms)
            if key in before
            else problem
            for key, problem in found.items()
        }
        opened = [problem for key, problem in self._open.items() if key not in before]
        for problem in opened:
            logger.warning(
                "problem %s (%s): %s%s",
                problem.code,
                problem.component,
                problem.text,
                f"; {problem.remedy}" if problem.remedy else "",
            )
        for component, code in before.keys() - found.keys():
            logger.info("problem %s (%s) is over", code, component)
        self._tell()
        return opened

    @property
    def problems(self) -> tuple[Problem, ...]:
        """As of the last round, the oldest first."""
        return tuple(sorted(self._open.values(), key=lambda problem: problem.since_unix_ms))

    def _ask(self) -> dict[Key, Problem]:
        found: dict[Key, Problem] = {}
        for part in self._components:
            for problem in self._of(part):
                key = (problem.component, problem.code)
                known = found.get(key)
                found[key] = problem if known is None else _joined(known, problem)
        return found

    def _of(self, part: Component) -> Iterator[Problem]:
        """What the part says, named, cut, and without credentials."""
        try:
            said = list(part.problems())
        except Exception as error:
            said = [self._mute(part, error)]
        for problem in said:
            yield replace(
                problem,
                text=_line(problem.text),
                component=_line(problem.component or part.name),
                remedy=_line(problem.remedy),
            )

    def _mute(self, part: Component, error: Exception) -> Problem:
        if (part.name, MUTE) not in self._open:
            logger.error("%s cannot say how it is", part.name, exc_info=error)
        return Problem(
            MUTE,
            f"cannot say how it is: {type(error).__name__}: {error}",
            self._unix_ms(),
            remedy="restart surveil; if it comes again, report it with the log",
        )

    def _tell(self) -> None:
        problems = self.problems
        if problems != self._told:
            self._told = problems
            for listener in self._listeners:
                listener(problems)


def _joined(one: Problem, other: Problem) -> Problem:
    """A part that says one code twice has two causes for it."""
    text = one.text if other.text in one.text else f"{one.text}; {other.text}"[:MAX_TEXT]
    return replace(one, text=text, since_unix_ms=min(one.since_unix_ms, other.since_unix_ms))


def _line(text: str) -> str:
    return " ".join(redact(text).split())[:MAX_TEXT]
