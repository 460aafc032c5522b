"""Who is added is told everything, in order; each receiver takes it into one room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from surveil.api.metrics import Metrics
from surveil.daemon.event_fanout import (
    Activity,
    CameraActivity,
    EventFanout,
    Receiver,
    ToJournal,
    ToMetrics,
)
from surveil.journal.journal_store import Journal
from surveil.language import Lexicon
from surveil.records import Caption, Unchanged
from surveil.rules import Incident, IncidentChange, RuleEngine
from tests.daemon.builders import caption_of, rule
from tests.fakes import FakeClock, make_frame

CLIMBING = "a man is climbing over a fence"


class Written(Receiver):
    """Remembers what it was told, and who it is."""

    def __init__(self, name: str, log: list[tuple[str, str]]) -> None:
        self.name = name
        self.log = log

    def on_caption(self, caption: Caption) -> None:
        self.log.append((self.name, "caption"))

    def on_unchanged(self, unchanged: Unchanged) -> None:
        self.log.append((self.name, "unchanged"))

    def on_incident_change(self, change: IncidentChange) -> None:
        self.log.append((self.name, change.kind.value))

    def on_open_incidents(self, camera_id: str, incidents: tuple[Incident, ...]) -> None:
        self.log.append((self.name, f"abnormal {camera_id}"))

    def on_tick(self) -> None:
        self.log.append((self.name, "tick"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def changes(clock: FakeClock) -> tuple[IncidentChange, ...]:
    """An incident that has just opened."""
    engine = RuleEngine([rule("person-climbing", "person climbing")], Lexicon.load({}))
    return tuple(engine.observe(caption_of(CLIMBING, clock), clock.unix_ms()))


def test_all_who_were_added_are_told_in_the_order_of_their_adding(
    clock: FakeClock, changes: tuple[IncidentChange, ...]
) -> None:
    log: list[tuple[str, str]] = []
    fanout = EventFanout()
    fanout.add(Written("first", log))
    fanout.add(Receiver())
    fanout.add(Written("second", log))
    fanout.on_caption(caption_of(CLIMBING, clock))
    fanout.on_unchanged(Unchanged(make_frame()))
    fanout.on_incident_change(changes[0])
    fanout.on_open_incidents("yard", ())
    fanout.on_tick()
    kinds = ["caption", "unchanged", changes[0].kind.value, "abnormal yard", "tick"]
    assert log == [(name, kind) for kind in kinds for name in ("first", "second")]


def test_a_cameras_activity_is_its_own(
    clock: FakeClock, changes: tuple[IncidentChange, ...]
) -> None:
    activity = CameraActivity()
    activity.on_caption(caption_of("an empty yard", clock))
    activity.on_caption(caption_of(CLIMBING, clock))
    activity.on_open_incidents("yard", (changes[0].incident,))
    yard = activity.of("yard")
    assert (yard.captions_total, yard.last_caption) == (2, CLIMBING)
    assert yard.last_caption_unix_ms == clock.unix_ms()
    assert yard.active_rules == ("person-climbing",)
    activity.on_open_incidents("yard", ())
    assert activity.of("yard").active_rules == ()
    assert activity.of("gate") == Activity()


def test_a_rules_matches_count_and_the_end_of_an_incident_does_not(
    clock: FakeClock, changes: tuple[IncidentChange, ...]
) -> None:
    metrics = Metrics(clock)
    metrics.register_labels(cameras=["yard"], rules=["person-climbing"], destinations=[])
    receiver = ToMetrics(metrics)
    receiver.on_caption(caption_of(CLIMBING, clock))
    receiver.on_unchanged(Unchanged(make_frame("yard")))
    receiver.on_incident_change(changes[0])
    engine = RuleEngine([rule("person-climbing", "person climbing")], Lexicon.load({}))
    engine.observe(caption_of(CLIMBING, clock), clock.unix_ms())
    for ended in engine.forget_camera("yard"):
        receiver.on_incident_change(ended)

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"surveil_{name}_total", labels)

    assert value("captions", camera="yard") == 1
    assert value("looks_unchanged", camera="yard") == 1
    assert value("matches", rule="person-climbing") == 1


@pytest.fixture
def journal(tmp_path: Path, clock: FakeClock) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.db", clock)
    yield journal
    journal.close()


def test_captions_reach_the_journals_disk_every_five_seconds(
    clock: FakeClock, journal: Journal
) -> None:
    receiver = ToJournal(journal, clock)
    receiver.on_tick()
    receiver.on_caption(caption_of(CLIMBING, clock))
    clock.advance(4)
    receiver.on_tick()
    assert journal.search("climbing") == []
    clock.advance(1)
    receiver.on_tick()
    assert [hit.text for hit in journal.search("climbing")] == [CLIMBING]


def test_every_event_is_handed_on() -> None:
    """An event that the base knows and the fan-out forgets would reach nobody."""
    events = {name for name in vars(Receiver) if not name.startswith("_")}
    assert events == set(vars(EventFanout)) & events
