"""The alerts thread: one incident is one alert, a restart in its middle is none, and nothing waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.recorder import AlertRecorder, Destination
from surveil.captioning.captions_worker import CaptionQueue
from surveil.clock import WallTime
from surveil.language import Lexicon
from surveil.records import Alert, Caption, Unchanged
from surveil.rules import ChangeKind, Incident, IncidentChange, RuleEngine, RuleSpec
from surveil.rules.alerts_worker import AlertsWorker
from tests.daemon.builders import caption_of, rule
from tests.fakes import FakeClock, make_frame

CLIMBING = "a man is climbing over a fence"
RULES = [rule("person-climbing", "person climbing"), rule("fire", "fire")]


class Told:
    """Remembers what the thread told it."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.captions: list[str] = []
        self.unchanged = 0
        self.kinds: list[ChangeKind] = []
        self.active: dict[str, list[str]] = {}
        self.bypass_gates: dict[tuple[str, str | None], bool] = {}
        self.hits = 0

    def on_caption(self, caption: Caption) -> None:
        self.captions.append(caption.text)

    def on_unchanged(self, unchanged: Unchanged) -> None:
        self.unchanged += 1

    def on_alert(self, alert: Alert, caption: Caption) -> None:
        self.alerts.append(alert)

    def on_incident_change(self, change: IncidentChange) -> None:
        self.kinds.append(change.kind)

    def on_open_incidents(self, camera_id: str, incidents: tuple[Incident, ...]) -> None:
        self.active[camera_id] = [incident.rule.rule_id for incident in incidents]

    def on_tick(self) -> None:
        pass

    def hit(self, caption: Caption) -> None:
        self.hits += 1

    def set_bypass_gates(self, camera_id: str, region_id: str | None, *, on: bool) -> None:
        self.bypass_gates[camera_id, region_id] = on


class Bench:
    """The worker with a real store; `restart` is a new process on the same file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "alerts.db"
        self.clock = FakeClock()
        self.wall = WallTime(self.clock)
        self._begin()

    def restart(self) -> None:
        self.store.close()
        self._begin()

    def _begin(self) -> None:
        self.told = Told()
        self.caption_queue = CaptionQueue()
        self.store = AlertStore(self.path, self.clock, self.wall, reserve_bytes=0)
        recorder = AlertRecorder(
            self.store, None, [Destination("webhook:office")], clock=self.clock, wall=self.wall
        )
        self.worker = AlertsWorker(
            RuleEngine(RULES, Lexicon.load({})),
            captions=self.caption_queue,
            recorder=recorder,
            memory=self.store.states,
            sampling=self.told,
            events=self.told,
            clock=self.clock,
            wall=self.wall,
        )
        self.worker.begin()

    def see(self, text: str, *, camera_id: str = "yard", after_s: float = 1.0) -> None:
        self.clock.advance(after_s)
        assert self.caption_queue.put(caption_of(text, self.clock, camera_id=camera_id), 0)
        self.worker.step()

    def wait(self, seconds: float) -> None:
        """Time passes and nothing is captioned."""
        self.clock.advance(seconds)
        self.see("an empty yard", camera_id="elsewhere", after_s=0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


def test_an_incident_gives_one_alert_however_often_it_is_seen(bench: Bench) -> None:
    for _ in range(5):
        bench.see(CLIMBING)
    assert [alert.rule_id for alert in bench.told.alerts] == ["person-climbing"]
    assert bench.told.kinds == [ChangeKind.OPENED, *[ChangeKind.HIT] * 4]
    assert bench.told.active["yard"] == ["person-climbing"]
    assert len(bench.store.waiting("webhook:office")) == 1
    assert bench.worker.counters() == {"captions_total": 5, "alerts_total": 1}


def test_the_next_incident_comes_after_the_cooldown(bench: Bench) -> None:
    bench.see(CLIMBING)
    bench.wait(11)
    assert bench.told.active["yard"] == []
    bench.see(CLIMBING)
    assert [alert.sequence for alert in bench.told.alerts] == [1, 2]


def test_an_unchanged_look_keeps_the_incident_open(bench: Bench) -> None:
    bench.see(CLIMBING)
    for seq in range(1, 5):
        bench.clock.advance(6)
        frame = make_frame("yard", seq=seq, mono_ns=bench.clock.monotonic_ns())
        bench.caption_queue.put(Unchanged(frame), 0)
        bench.worker.step()
    assert bench.told.unchanged == 4
    assert bench.told.active["yard"] == ["person-climbing"]
    assert len(bench.told.alerts) == 1


def test_gates_are_bypassed_while_an_incident_is_open(bench: Bench) -> None:
    bench.see(CLIMBING)
    assert bench.told.bypass_gates["yard", None]
    assert bench.told.hits == 1
    bench.wait(11)
    assert not bench.told.bypass_gates["yard", None]


def test_a_restart_in_the_middle_of_an_incident_raises_no_second_alert(bench: Bench) -> None:
    bench.see(CLIMBING)
    bench.restart()
    assert bench.told.active["yard"] == ["person-climbing"]
    bench.see(CLIMBING)
    assert bench.told.alerts == []
    assert bench.told.kinds == [ChangeKind.HIT]


def test_an_incident_that_ended_is_not_taken_up_again(bench: Bench) -> None:
    bench.see(CLIMBING)
    bench.wait(11)
    bench.restart()
    assert bench.store.states.open_incidents() == []
    bench.see(CLIMBING)
    assert [alert.sequence for alert in bench.told.alerts] == [2]


def test_two_rules_hit_by_one_caption_are_two_alerts_each_saved_with_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the two commits must neither forget the second alert nor repeat the first."""
    saved: list[set[str]] = []
    commit = bench.store.commit

    def spy(draft: Alert, *args: object, **kwargs: object) -> Alert:
        saved.append({entry["rule"] for entry in kwargs["open_incidents"]})  # type: ignore[attr-defined] # a list
        return commit(draft, *args, **kwargs)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(bench.store, "commit", spy)
    bench.see("a man climbs over a fence beside a fire")
    assert sorted(alert.rule_id for alert in bench.told.alerts) == ["fire", "person-climbing"]
    first = bench.told.alerts[0].rule_id
    assert saved == [{first}, {"fire", "person-climbing"}]


def test_submitted_tasks_run_in_the_thread_and_their_changes_are_told(bench: Bench) -> None:
    bench.see(CLIMBING)
    bench.worker.submit(lambda engine: engine.forget_camera("yard"))
    bench.see("an empty yard", camera_id="elsewhere")
    assert bench.told.active["yard"] == []
    assert bench.told.kinds[-1] is ChangeKind.ENDED


def test_captions_that_were_handed_over_are_judged_before_the_end(bench: Bench) -> None:
    bench.caption_queue.put(caption_of(CLIMBING, bench.clock), 0)
    bench.worker.stop()
    bench.worker.finish()
    assert [alert.rule_id for alert in bench.told.alerts] == ["person-climbing"]


def test_a_judge_gets_its_captions_and_nobody_else_does(bench: Bench) -> None:
    seen: list[str] = []

    class CaptionJudge:
        def judge(self, caption: Caption, engine: RuleEngine) -> None:
            seen.append(caption.text)

    bench.worker.judges["(canary)"] = CaptionJudge()
    bench.see(CLIMBING, camera_id="(canary)")
    assert seen == [CLIMBING]
    assert bench.told.captions == []
    assert bench.told.alerts == []


def test_a_caption_still_on_its_way_from_a_camera_switched_off_is_dropped(bench: Bench) -> None:
    bench.see(CLIMBING)
    bench.worker.watch([])
    bench.see(CLIMBING)
    assert bench.told.active["yard"] == []
    assert len(bench.told.alerts) == 1
    bench.worker.watch(["yard"])
    bench.see(CLIMBING)
    assert len(bench.told.alerts) == 2


def test_a_rule_whose_expression_takes_for_ever_is_a_problem_until_it_is_replaced(
    bench: Bench,
) -> None:
    slow = RuleSpec("ladder", regex=(r"^(a|\w|\w\w|\w\s)+(?<=z)$",))
    bench.worker.submit(lambda engine: engine.reload([slow], Lexicon.load({})))
    bench.see("an empty yard")
    assert bench.worker.problems() == []
    bench.see("a man in a dark hoodie is carrying a ladder across the empty yard at night")
    (problem,) = bench.worker.problems()
    assert problem.code == "rule_regex_slow"
    assert problem.text.startswith("rule ladder: ")
    assert problem.since_unix_ms == bench.clock.unix_ms()
    bench.worker.submit(lambda engine: engine.reload(RULES, Lexicon.load({})))
    bench.see("an empty yard")
    assert bench.worker.problems() == []
