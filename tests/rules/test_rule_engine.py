"""Incidents: one alert each, confirmed, counted, ended by quiet, and kept over restarts and reloads."""

from __future__ import annotations

import json
from dataclasses import replace

from surveil.clock import ns
from surveil.language import Lexicon
from surveil.records import Caption, Severity, Unchanged
from surveil.rules import ChangeKind, Confirm, IncidentChange, RuleEngine, RuleSpec
from tests.fakes import make_frame

UNIX_MS = 1_795_000_000_000
FIRE = RuleSpec("fire", patterns=("fire",), cooldown_s=30.0, severity=Severity.CRITICAL)
LEXICON = Lexicon.load({})


def caption(
    text: str, at_s: float, *, camera: str = "yard", confidence: float | None = 0.9
) -> Caption:
    frame = make_frame(camera, mono_ns=ns(at_s), unix_ms=UNIX_MS + round(at_s * 1000))
    return Caption(frame, text, confidence, "test", 1, 0, 0, ns(at_s))


def observe(engine: RuleEngine, text: str, at_s: float, *, camera: str = "yard") -> list[str]:
    changes = engine.observe(caption(text, at_s, camera=camera), UNIX_MS + round(at_s * 1000))
    return kinds(changes)


def tick(engine: RuleEngine, at_s: float) -> list[str]:
    return kinds(engine.tick(ns(at_s)))


def kinds(changes: list[IncidentChange]) -> list[str]:
    return [change.kind.value for change in changes]


def test_one_incident_opens_once_counts_hits_and_ends_after_quiet() -> None:
    engine = RuleEngine([FIRE], LEXICON)
    assert observe(engine, "a fire", 0) == ["opened"]
    assert observe(engine, "a fire in a yard", 5) == ["hit"]
    assert engine.active("yard")[0].hits == 2
    assert observe(engine, "an empty yard", 10) == []
    assert tick(engine, 34.9) == []
    assert tick(engine, 35) == ["ended"]
    assert engine.active("yard") == ()
    assert observe(engine, "a fire", 40) == ["opened"]


def test_a_late_tick_does_not_weld_two_incidents_together() -> None:
    engine = RuleEngine([FIRE], LEXICON)
    observe(engine, "a fire", 0)
    assert observe(engine, "a fire", 31) == ["ended", "opened"]


def test_cameras_and_regions_have_incidents_of_their_own() -> None:
    engine = RuleEngine([replace(FIRE, cameras=("yard", "hall"))], LEXICON)
    assert observe(engine, "a fire", 0, camera="yard") == ["opened"]
    assert observe(engine, "a fire", 1, camera="hall") == ["opened"]
    assert observe(engine, "a fire", 2, camera="roof") == []


def test_confirmation_needs_hits_of_the_last_samples() -> None:
    engine = RuleEngine([replace(FIRE, confirm=Confirm(2, 3))], LEXICON)
    assert observe(engine, "a fire", 0) == []
    assert engine.bypass_gates("yard", None)
    assert observe(engine, "a yard", 1) == []
    assert observe(engine, "a yard", 2) == []
    assert observe(engine, "a fire", 3) == []
    assert observe(engine, "a fire", 4) == ["opened"]
    (incident,) = engine.active("yard")
    assert incident.started_mono_ns == ns(3)


def test_a_half_confirmed_incident_is_forgotten_when_it_goes_quiet() -> None:
    engine = RuleEngine([replace(FIRE, confirm=Confirm(2, 3))], LEXICON)
    observe(engine, "a fire", 0)
    tick(engine, 30)
    assert not engine.bypass_gates("yard", None)
    assert observe(engine, "a fire", 31) == []


def test_for_needs_every_sample_to_match_for_that_long() -> None:
    engine = RuleEngine([replace(FIRE, for_s=10.0)], LEXICON)
    assert [observe(engine, "a fire", at) for at in (0, 5)] == [[], []]
    assert observe(engine, "a yard", 6) == []
    assert [observe(engine, "a fire", at) for at in (7, 12)] == [[], []]
    assert observe(engine, "a fire", 17) == ["opened"]
    assert engine.active("yard")[0].hits == 3


def test_an_unchanged_picture_renews_an_incident_but_does_not_confirm_one() -> None:
    engine = RuleEngine([FIRE, replace(FIRE, rule_id="twice", confirm=Confirm(2, 2))], LEXICON)
    observe(engine, "a fire", 0)
    changes = engine.unchanged(Unchanged(make_frame("yard", mono_ns=ns(20))))
    assert kinds(changes) == ["hit"]
    assert tick(engine, 49) == []
    assert tick(engine, 50) == ["ended"]


def test_an_unchanged_picture_renews_nothing_after_a_caption_that_did_not_match() -> None:
    engine = RuleEngine([FIRE], LEXICON)
    observe(engine, "a fire", 0)
    observe(engine, "a yard", 5)
    assert engine.unchanged(Unchanged(make_frame("yard", mono_ns=ns(20)))) == []


def test_evidence_is_the_last_five_captions_cut_to_500_characters() -> None:
    engine = RuleEngine([FIRE], LEXICON)
    for second in range(8):
        observe(engine, f"a fire on day {second} " + "x" * 600, second)
    (incident,) = engine.active("yard")
    assert [e.caption.split()[4] for e in incident.evidence] == ["3", "4", "5", "6", "7"]
    assert {len(e.caption) for e in incident.evidence} == {500}


def test_a_restart_neither_alerts_again_nor_loses_the_incident() -> None:
    engine = RuleEngine([FIRE], LEXICON)
    observe(engine, "a fire", 5_000)
    observe(engine, "a fire", 5_010)
    notes = json.dumps(engine.open_incidents(now_mono_ns=ns(5_020), wall_unix_ms=UNIX_MS))
    rebooted = RuleEngine([FIRE], LEXICON)
    assert rebooted.restore(json.loads(notes), now_mono_ns=ns(3), wall_unix_ms=UNIX_MS) == []
    (incident,) = rebooted.active("yard")
    assert incident.incident_id == f"yard::fire:{UNIX_MS + 5_000_000}"
    assert incident.started_mono_ns == ns(3 - 20)
    assert observe(rebooted, "a fire", 10) == ["hit"]
    assert rebooted.active("yard")[0].hits == 3
    assert len(rebooted.active("yard")[0].evidence) == 3
    assert tick(rebooted, 40) == ["ended"]


def test_a_box_that_was_off_for_long_starts_with_a_clean_slate() -> None:
    engine = RuleEngine([FIRE], LEXICON)
    observe(engine, "a fire", 0)
    notes = engine.open_incidents(now_mono_ns=0, wall_unix_ms=UNIX_MS)
    rebooted = RuleEngine([FIRE], LEXICON)
    over = rebooted.restore(notes, now_mono_ns=0, wall_unix_ms=UNIX_MS + 86_400_000)
    assert kinds(over) == ["ended"]
    assert observe(rebooted, "a fire", 1) == ["opened"]


def test_a_wall_clock_that_starts_in_1970_keeps_the_incident() -> None:
    engine = RuleEngine([FIRE], LEXICON)
    observe(engine, "a fire", 0)
    notes = engine.open_incidents(now_mono_ns=0, wall_unix_ms=UNIX_MS)
    rebooted = RuleEngine([FIRE], LEXICON)
    assert rebooted.restore(notes, now_mono_ns=0, wall_unix_ms=0) == []
    assert rebooted.bypass_gates("yard", None)


def test_reload_keeps_unchanged_rules_and_ends_the_incidents_of_others() -> None:
    smoke = replace(FIRE, rule_id="smoke", patterns=("smoke",))
    engine = RuleEngine([FIRE, smoke], LEXICON)
    observe(engine, "fire and smoke", 0)
    changes = engine.reload([FIRE, replace(smoke, cooldown_s=5.0)], LEXICON)
    assert [change.incident.rule.rule_id for change in changes] == ["smoke"]
    assert observe(engine, "fire and smoke", 1) == ["hit", "opened"]


def test_a_camera_that_leaves_takes_its_incidents_along() -> None:
    engine = RuleEngine([FIRE], LEXICON)
    observe(engine, "a fire", 0)
    assert kinds(engine.forget_camera("yard")) == [ChangeKind.ENDED.value]
    assert not engine.bypass_gates("yard", None)


def test_all_of_unless_and_regex_join_as_documented() -> None:
    rule = RuleSpec("r", patterns=("fire",), regex=(r"blaz\w+",), all_of=("yard",), unless=("dog",))
    engine = RuleEngine([replace(rule, cooldown_s=0.5)], LEXICON)
    assert observe(engine, "a fire", 0) == []
    assert observe(engine, "a fire in a yard", 1) == ["opened"]
    assert observe(engine, "a BLAZING yard", 2) == ["ended", "opened"]
    assert observe(engine, "a fire in a yard with a dog", 3) == ["ended"]


def test_min_confidence_counts_a_missing_confidence_as_none() -> None:
    engine = RuleEngine([replace(FIRE, min_confidence=0.5)], LEXICON)
    for confidence in (None, 0.4):
        assert engine.observe(caption("a fire", 0, confidence=confidence), UNIX_MS) == []
    assert kinds(engine.observe(caption("a fire", 1, confidence=0.5), UNIX_MS)) == ["opened"]


LADDER_TEXT = (
    "a man in a dark hoodie is carrying a ladder across the empty yard at night with his dog"
)
MANY_WAYS = r"^(a|\w|\w\w|\w\s)+(?<=z)$"
"""Every pair of letters can be taken in two ways, so there are two to the power of forty to try."""


def test_an_expression_that_would_take_for_ever_is_given_up_and_named() -> None:
    """`re` would try them all, and hold every thread of the process meanwhile."""
    slow = RuleSpec("ladder", regex=(MANY_WAYS,))
    sound = RuleSpec("dog", patterns=("dog",))
    engine = RuleEngine([slow, sound], LEXICON)
    assert engine.slow_regexes == frozenset()
    changes = engine.observe(caption(LADDER_TEXT, 0), UNIX_MS)
    assert [change.incident.rule.rule_id for change in changes] == ["dog"]
    assert engine.slow_regexes == {MANY_WAYS}
    engine.reload([sound], LEXICON)
    assert engine.slow_regexes == frozenset()


def test_repetitions_inside_repetitions_are_searched_as_quickly_as_others() -> None:
    rule = RuleSpec("ladder", regex=(r"^(\w+\s?)+ladder$",))
    engine = RuleEngine([rule], LEXICON)
    assert engine.observe(caption(LADDER_TEXT, 0), UNIX_MS) == []
    (opened,) = engine.observe(caption("a man on a LADDER", 1), UNIX_MS)
    assert opened.incident.match.end == len("a man on a ladder")
