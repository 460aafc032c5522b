"""Rules over the past: recorded time stands in for every clock."""

from __future__ import annotations

from datetime import time

from surveil.language import Lexicon
from surveil.rules import Confirm, RuleEngine, RuleSpec, Schedule
from surveil.rules.replay import PastAlert, PastCaption, replay

NOON_MS = 1_795_003_200_000
LEXICON = Lexicon.load()


def run(rule: RuleSpec, *captions: tuple[int, str]) -> list[PastAlert]:
    records = [PastCaption("yard", NOON_MS + second * 1000, text) for second, text in captions]
    return list(replay(RuleEngine([rule], LEXICON), records))


def test_hits_in_a_row_are_one_alert_that_ends_after_the_cooldown() -> None:
    (alert,) = run(
        RuleSpec("fire", ("fire",), cooldown_s=60), (0, "a fire"), (30, "a bonfire"), (50, "a wall")
    )
    assert alert == PastAlert("fire", "yard", NOON_MS, NOON_MS + 90_000, 2, "a fire")


def test_quiet_for_the_cooldown_parts_two_alerts() -> None:
    alerts = run(RuleSpec("fire", ("fire",), cooldown_s=60), (0, "a fire"), (61, "a fire"))
    assert [alert.started_unix_ms for alert in alerts] == [NOON_MS, NOON_MS + 61_000]


def test_confirmation_counts_in_recorded_time() -> None:
    rule = RuleSpec("fire", ("fire",), confirm=Confirm(2, 2))
    assert run(rule, (0, "a fire"), (5, "a wall"), (10, "a fire")) == []
    (alert,) = run(rule, (0, "a fire"), (5, "a fire"))
    assert (alert.started_unix_ms, alert.hits) == (NOON_MS, 2)


def test_schedules_count_in_recorded_time() -> None:
    at_noon = RuleSpec("fire", ("fire",), schedule=(Schedule(time(12), time(12, 1)),), cooldown_s=1)
    seconds = (NOON_MS // 1000) % 86_400
    shift = 43_200 - seconds
    assert len(run(at_noon, (shift, "a fire"), (shift + 70, "a fire"))) == 1
