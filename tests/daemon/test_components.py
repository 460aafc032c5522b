"""Nothing of a node runs without being registered, and what is registered answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from surveil.component import Component
from surveil.daemon.components import Components
from surveil.records import Problem
from surveil.worker import Worker
from tests.daemon.test_daemon import running, write_config

LIVING = ("close", "stop", "release")
"""Whoever has one of these holds something that must be let go of."""


@dataclass
class Part:
    name: str
    found: tuple[Problem, ...] = ()

    def problems(self) -> tuple[Problem, ...]:
        return self.found

    def counters(self) -> dict[str, float]:
        return {"done_total": 3}


def test_parts_and_their_numbers_are_found_in_one_place() -> None:
    components = Components()
    assert components.register(Part("a")).name == "a"
    components.register(Part("b"))
    assert components.counters() == {"a": {"done_total": 3}, "b": {"done_total": 3}}
    assert [part.name for part in components] == ["a", "b"]


def test_a_part_that_cannot_count_keeps_no_other_from_it() -> None:
    class Broken(Part):
        def counters(self) -> dict[str, float]:
            raise ZeroDivisionError

    components = Components()
    components.register(Broken("a"))
    components.register(Part("b"))
    assert components.counters() == {"b": {"done_total": 3}}


def test_two_parts_of_one_name_are_a_mistake() -> None:
    components = Components()
    components.register(Part("a"))
    with pytest.raises(ValueError, match="two parts are called a"):
        components.register(Part("a"))


def attributes(value: object) -> Iterator[object]:
    """What a value of the daemon's own leads to."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif type(value).__module__.startswith("surveil.daemon"):
        yield from getattr(value, "__dict__", {}).values()
        yield from (getattr(value, slot, None) for slot in getattr(type(value), "__slots__", ()))


def parts_of(root: object) -> Iterator[object]:
    """Everything that the daemon reaches by attribute; other rooms' objects are not entered, they own their insides."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        yield value
        waiting.extend(attributes(value))


def lives(value: object) -> bool:
    """It holds a thread or something that is opened."""
    if isinstance(value, Worker | threading.Thread):
        return True
    ours = type(value).__module__.startswith("surveil.")
    return ours and any(callable(getattr(value, method, None)) for method in LIVING)


FULL: dict[str, Any] = {
    "mqtt": {"host": "127.0.0.1", "port": 1},
    "watch": True,
    "canary": {},
    "snapshots": {"evidence": {"before": "1s", "after": "1s"}},
    "notify": [
        {"type": "webhook", "url": "http://127.0.0.1:1/"},
        {"type": "speech"},
        {"type": "describe", "id": "mqtt"},
    ],
}


def test_everything_that_lives_in_a_full_node_is_registered(tmp_path: Path) -> None:
    """A part that is added to the node, and not registered, fails here."""
    http = {"listen": f"unix:{tmp_path}/http"}
    with running(write_config(tmp_path, http=http, **FULL)) as daemon:
        registered = {id(part) for part in daemon.node.components}
        exempt = {id(daemon), id(daemon.node.storage), id(daemon.node.components)}
        alive = [part for part in parts_of(daemon) if lives(part) and id(part) not in exempt]
        forgotten = [type(part).__name__ for part in alive if id(part) not in registered]
        assert forgotten == []
        assert len(alive) > 12, "the walk reaches the node"
        names = [part.name for part in daemon.node.components]
        assert names == list(dict.fromkeys(names))
        for part in daemon.node.components:
            assert isinstance(part, Component)
            assert all(isinstance(problem, Problem) for problem in part.problems())
            assert all(isinstance(number, int | float) for number in part.counters().values())


def test_a_part_that_nobody_registered_is_found(tmp_path: Path) -> None:
    """The walk itself: a thread hung onto the node is seen."""
    with running(write_config(tmp_path)) as daemon:
        stray = Worker("stray", clock=daemon.node.cameras._clock)
        daemon.node.destinations.workers.append(stray)
        try:
            assert stray in [part for part in parts_of(daemon) if lives(part)]
        finally:
            daemon.node.destinations.workers.remove(stray)
