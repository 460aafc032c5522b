"""Rules as operators write them."""

from __future__ import annotations

from datetime import time

import pytest

from surveil.config.rules import Rule
from surveil.records import Severity
from tests.config.folder import Folder


def rule(folder: Folder, text: str) -> Rule:
    return folder.load(f"rules: [{{{text}}}]\n").rules[0]


def test_ids_and_slugs_are_made_from_the_first_pattern(folder: Folder) -> None:
    found = rule(folder, "patterns: ['Person climbing (fence)!', other]")
    assert (found.rule_id, found.slug) == ("person-climbing-fence", "person_climbing_fence")


def test_given_ones_win(folder: Folder) -> None:
    found = rule(folder, "patterns: fire, id: f-1, event_type: blaze")
    assert (found.rule_id, found.slug) == ("f-1", "blaze")
    assert rule(folder, "regex: 'a', id: f-1").slug == "f_1"


def test_one_phrase_is_a_list_of_one(folder: Folder) -> None:
    found = rule(
        folder, "patterns: fire, unless: fire drill, all_of: smoke, cameras: [], regex: 'a|b'"
    )
    assert (found.patterns, found.unless, found.all_of, found.regex) == (
        ("fire",),
        ("fire drill",),
        ("smoke",),
        ("a|b",),
    )


def test_defaults(folder: Folder) -> None:
    found = rule(folder, "patterns: fire")
    assert found.severity is Severity.WARNING
    assert (found.confirm.hits, found.confirm.of, found.for_s, found.cooldown_s) == (
        1,
        1,
        None,
        60.0,
    )
    assert (found.schedule, found.min_confidence, found.enabled) == ((), None, True)


def test_a_schedule_reads_as_it_is_written(folder: Folder) -> None:
    (window,) = rule(
        folder, "patterns: fire, schedule: {days: fri-mon, from: 22:00, to: 06:30}"
    ).schedule
    assert window.days == ("fri", "sat", "sun", "mon")
    assert (window.from_time, window.to_time) == (time(22), time(6, 30))


def test_several_windows_and_the_end_of_the_day(folder: Folder) -> None:
    first, second = rule(
        folder, "patterns: fire, schedule: [{from: 18:00, to: '24:00'}, {days: [sat, sun]}]"
    ).schedule
    assert (first.to_time, len(first.days)) == (time(0), 7)
    assert (second.days, second.from_time, second.to_time) == (("sat", "sun"), time(0), time(0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("severity: info", "rules[0]: has nothing to look for: give it patterns"),
        ("patterns: []", "rules[0]: has nothing to look for"),
        (
            "patterns: ['']",
            "rules[0].patterns[0]: found an empty text; allowed: a phrase of 1 to 200",
        ),
        ("patterns: ['!!!']", "rules[0]: needs an id: none can be made from its patterns"),
        ("regex: 'a'", "rules[0]: needs an id"),
        ("id: a, regex: '('", "not a regular expression: missing )"),
        (
            "patterns: fire, for: 5s, confirm: {hits: 2, of: 3}",
            "rules[0].for: and confirm are both given",
        ),
        (
            "patterns: fire, confirm: {hits: 4, of: 3}",
            "rules[0].confirm.hits: is 4, more than `of`, 3",
        ),
        (
            "patterns: fire, min_confidence: 80",
            "min_confidence: found the number 80; allowed: a number from 0 to 1",
        ),
        ("patterns: fire, severity: criticl", "did you mean critical?"),
        (
            "patterns: fire, schedule: {from: 25:00}",
            "schedule.from: found '25:00'; allowed: a time from 00:00",
        ),
        ("patterns: fire, schedule: {from: 7:00}", "schedule.from: found '7:00'"),
        (
            "patterns: fire, schedule: {days: mon-fry}",
            "schedule.days: found 'mon-fry'; allowed: mon, tue",
        ),
        ("patterns: fire, schedule: {timezone: Nowhere}", "no such time zone is known here"),
        ("patterns: fire, cooldown: -1s", "cooldown: found '-1s'"),
        ("phrases: fire", "rules[0].phrases: there is no such key; did you mean patterns?"),
    ],
)
def test_mistakes_in_a_rule(folder: Folder, text: str, expected: str) -> None:
    found = [line for line in folder.problems(f"rules: [{{{text}}}]\n")]
    assert expected in found[0]


def test_two_rules_cannot_share_an_id_or_a_slug(folder: Folder) -> None:
    assert "rules[1].id: fire is taken by rules[0]" in folder.problem(
        "rules: [{patterns: fire}, {patterns: fire}]\n"
    )
    assert "rules[1].event_type: fire is taken by rules[0]" in folder.problem(
        "rules: [{patterns: fire}, {id: other, patterns: fire}]\n"
    )


def test_synonyms_are_words_for_words(folder: Folder) -> None:
    assert folder.load("synonyms: {person: postie, cart: [a, b]}\n").synonyms == {
        "person": ("postie",),
        "cart": ("a", "b"),
    }
