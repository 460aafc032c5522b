"""The canary learns what its picture gives, and turns red when that changes, is not committed, or does not come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from surveil.alerts.alert_store import AlertStore
from surveil.api.metrics import Metrics
from surveil.clock import WallTime
from surveil.daemon.canary import CAMERA_ID, Canary
from surveil.errors import ConfigError
from surveil.language import Lexicon
from surveil.records import Caption, Sample
from surveil.rules import RuleEngine, RuleSpec
from surveil.scheduling import Sampler
from surveil.scheduling.scheduler import Scheduler
from tests.daemon.builders import rule
from tests.fakes import FakeClock

CLIMBING = rule("person-climbing", "person climbing")


class NoCameras:
    def newest(self, camera_id: str) -> None:
        return None


class Bench:
    """A canary with a captioner that says what the test says."""

    def __init__(self, folder: Path, *, pattern: str | None = None, broker: bool = True) -> None:
        self.folder = folder
        self.clock = FakeClock()
        wall = WallTime(self.clock)
        self.scheduler = Scheduler(Sampler(NoCameras()), self.clock)
        self.store = AlertStore(folder / "alerts.db", self.clock, wall, reserve_bytes=0)
        self.published: list[Mapping[str, Any]] = []
        self.acknowledgements: list[Callable[[], None]] = []
        self.broker_answers = True
        self.metrics = Metrics(self.clock)
        self.canary = Canary(
            picture=None,
            pattern=pattern,
            patience_s=60,
            scheduler=self.scheduler,
            states=self.store.states,
            publish=self.publish if broker else None,
            metrics=self.metrics,
            clock=self.clock,
            wall=wall,
            state_dir=folder,
        )

    def publish(
        self, result: Mapping[str, Any], *, on_acknowledged: Callable[[], None] | None = None
    ) -> None:
        self.published.append(result)
        if on_acknowledged is not None:
            self.acknowledgements.append(on_acknowledged)
            if self.broker_answers:
                on_acknowledged()

    def passed(self) -> bool:
        return self.metrics.registry.get_sample_value("surveil_canary_passed") == 1

    def run(self, text: str, *rules: RuleSpec, model_id: str = "blip") -> Mapping[str, Any]:
        """One round, captioned so, under these rules."""
        self.judge(text, *rules, model_id=model_id)
        return self.published[-1]

    def judge(self, text: str, *rules: RuleSpec, model_id: str = "blip") -> None:
        self.canary.send()
        (sample,) = self.scheduler.pull(4).samples
        self.clock.advance(0.4)
        self.canary.judge(
            self._caption(sample, text, model_id), RuleEngine(rules, Lexicon.load({}))
        )

    def _caption(self, sample: Sample, text: str, model_id: str) -> Caption:
        return Caption(
            frame=sample.frame,
            text=text,
            confidence=0.9,
            model_id=model_id,
            batch_size=1,
            waited_ms=0,
            inferred_ms=400,
            done_mono_ns=self.clock.monotonic_ns(),
        )

    def codes(self) -> list[str]:
        return [problem.code for problem in self.canary.problems()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.store.close()


def test_the_first_run_is_learnt_and_the_same_again_passes(bench: Bench) -> None:
    first = bench.run("a man climbs over a fence", CLIMBING)
    assert first["passed"]
    assert first["rules"] == ["person-climbing"]
    assert first["timings_ms"]["capture_to_caption"] == 400
    assert bench.run("a man climbs over a fence", CLIMBING)["passed"]
    assert bench.codes() == []


def test_another_caption_is_red_until_it_is_right_again(bench: Bench) -> None:
    bench.run("a man climbs over a fence", CLIMBING)
    wrong = bench.run("arafed a a a a", CLIMBING)
    assert not wrong["passed"]
    assert "arafed" in wrong["reason"]
    assert bench.codes() == ["canary"]
    assert bench.run("a man climbs over a fence", CLIMBING)["passed"]
    assert bench.codes() == []


def test_a_rule_that_no_longer_matches_is_red(bench: Bench) -> None:
    bench.run("a man climbs over a fence", CLIMBING)
    dropped = bench.run("a man climbs over a fence")
    assert not dropped["passed"]
    assert "person-climbing" in dropped["reason"]


def test_what_is_expected_outlives_a_restart_and_is_kept_for_each_model(tmp_path: Path) -> None:
    before = Bench(tmp_path)
    before.run("a man climbs over a fence", CLIMBING)
    assert before.run("someone on a fence", CLIMBING, model_id="other")["passed"]
    before.store.close()
    after = Bench(tmp_path)
    assert not after.run("an empty yard", CLIMBING)["passed"]
    assert after.run("someone on a fence", CLIMBING, model_id="other")["passed"]
    after.store.close()


def test_it_passes_when_the_broker_has_its_message_and_not_before(bench: Bench) -> None:
    bench.broker_answers = False
    bench.run("a man climbs over a fence", CLIMBING)
    assert not bench.passed()
    bench.clock.advance(29)
    bench.canary.tick()
    assert bench.codes() == []
    bench.clock.advance(2)
    bench.canary.tick()
    assert bench.codes() == ["canary"]
    (problem,) = bench.canary.problems()
    bench.clock.advance(60)
    bench.canary.tick()
    assert bench.canary.problems() == (problem,)

    bench.acknowledgements[-1]()
    assert bench.passed()
    assert bench.codes() == []


def test_a_late_acknowledgement_does_not_pass_what_failed_since(bench: Bench) -> None:
    bench.broker_answers = False
    bench.run("a man climbs over a fence", CLIMBING)
    bench.run("arafed a a a a", CLIMBING)
    bench.acknowledgements[0]()
    assert not bench.passed()
    assert bench.codes() == ["canary"]


def test_without_a_broker_what_is_committed_has_passed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, broker=False)
    bench.judge("a man climbs over a fence", CLIMBING)
    assert bench.passed()
    bench.clock.advance(60)
    bench.canary.tick()
    assert bench.codes() == []
    bench.store.close()


def test_a_sentence_without_words_is_red_and_never_learnt(bench: Bench) -> None:
    """Nor is one that a former version learnt of a broken model."""
    (bench.folder / "canary.json").write_text('{"blip": {"caption": "", "rules": []}}')
    for nothing in ("", " . "):
        result = bench.run(nothing, CLIMBING)
        assert not result["passed"]
        assert "says no word" in result["reason"]
    assert bench.codes() == ["canary"]
    assert bench.run("a man climbs over a fence", CLIMBING)["passed"]
    assert not bench.run("an empty yard", CLIMBING)["passed"], "the sentence was learnt"


def test_a_sentence_that_no_rule_matches_proves_no_rule(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    unproven = bench.run("an empty yard", CLIMBING)
    assert (unproven["passed"], unproven["rules_proven"]) == (True, False)
    assert "rules are not proven" in caplog.text
    assert bench.run("a man climbs over a fence", CLIMBING, model_id="other")["rules_proven"]


def test_no_caption_in_time_is_red(bench: Bench) -> None:
    bench.canary.send()
    bench.clock.advance(59)
    bench.canary.tick()
    assert bench.published == []
    bench.clock.advance(2)
    bench.canary.tick()
    bench.canary.tick()
    assert [result["passed"] for result in bench.published] == [False]
    assert bench.codes() == ["canary"]


def test_a_pattern_replaces_what_is_learnt(tmp_path: Path) -> None:
    bench = Bench(tmp_path, pattern="person climbing")
    assert bench.run("two boys clamber over a wall")["passed"]
    assert not bench.run("an empty yard")["passed"]
    assert not (tmp_path / "canary.json").exists()
    bench.store.close()


def test_it_is_no_cameras_and_takes_no_sequence_number(bench: Bench) -> None:
    bench.run("a man climbs over a fence", CLIMBING)
    assert CAMERA_ID == "(canary)"
    assert bench.store.waiting("mqtt") == []


def test_a_file_that_is_no_picture_is_a_configuration_error(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello", encoding="utf-8")
    clock = FakeClock()
    with pytest.raises(ConfigError, match=r"notes\.txt"):
        Canary(
            picture=text,
            pattern=None,
            patience_s=1,
            scheduler=Scheduler(Sampler(NoCameras()), clock),
            states=None,  # type: ignore[arg-type] # never reached
            publish=None,
            metrics=Metrics(clock),
            clock=clock,
            wall=WallTime(clock),
            state_dir=tmp_path,
        )
