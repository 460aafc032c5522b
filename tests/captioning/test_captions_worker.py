"""The captioner's thread, step by step: batches, back-pressure, memory, failures."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from surveil.captioning import CaptionResult, CaptionsWorker
from surveil.captioning.captions_worker import CAPTIONER_NICE, yield_to_capture
from surveil.captioning.fallback import FallbackCaptioner
from surveil.captioning.script_engine import Line, ScriptCaptioner
from surveil.clock import ns
from surveil.errors import CaptionError, OutOfMemoryError
from surveil.records import Caption, PictureSize, Rgb, Sample, SampleReason, Unchanged
from tests.fakes import FakeClock, make_frame

SIZE = PictureSize(16)


@dataclass
class FakeEngine:
    """Says the prompt and a running number; fails as told."""

    clock: FakeClock
    room: int = 99
    fails: bool = False
    takes_s: float = 0.25
    says: list[CaptionResult] = field(default_factory=list)
    max_batch: int = 4
    model_id: str = "fake"
    gives_confidence: bool = True
    picture_size: PictureSize = SIZE
    takes_prompt: bool = True
    takes_question: bool = False
    device: str = "cpu"
    precision: str = "none"
    batches: list[tuple[int, str | None]] = field(default_factory=list)
    closed: bool = False

    def caption(self, pictures: Sequence[Rgb], *, prompt: str | None = None) -> list[CaptionResult]:
        assert all(picture.shape == (16, 16, 3) for picture in pictures)
        if len(pictures) > self.room:
            raise OutOfMemoryError("cpu has no room")
        if self.fails:
            raise CaptionError("endpoint is away")
        self.batches.append((len(pictures), prompt))
        self.clock.advance(self.takes_s)
        if self.says:
            return [self.says.pop(0) for _ in pictures]
        return [CaptionResult(f"{prompt} {number}", 0.5) for number in range(len(pictures))]

    def warm_up(self) -> None: ...

    def close(self) -> None:
        self.closed = True


@dataclass
class Pulled:
    samples: list[Sample]
    unchanged: list[Unchanged]


@dataclass
class FakeSource:
    """A due list; `arrivals` come in one by one as the worker waits."""

    clock: FakeClock
    due: list[Sample] = field(default_factory=list)
    unchanged: list[Unchanged] = field(default_factory=list)
    arrivals: list[Sample] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    done: list[Sample] = field(default_factory=list)
    gone: list[tuple[Sample, str]] = field(default_factory=list)

    def pull(self, limit: int) -> Pulled:
        pulled = Pulled(self.due[:limit], self.unchanged)
        self.due, self.unchanged = self.due[limit:], []
        return pulled

    def wait(self, seconds: float) -> None:
        self.waits_s.append(seconds)
        self.clock.advance(min(seconds, 0.1))
        self.due += self.arrivals[:1]
        self.arrivals = self.arrivals[1:]

    def captioned(self, sample: Sample) -> None:
        self.done.append(sample)

    def failed(self, sample: Sample, error: CaptionError) -> None:
        self.gone.append((sample, str(error)))


@dataclass
class FakeSink:
    """Takes everything, or says no `refusals` times first."""

    refusals: int = 0
    items: list[Caption | Unchanged] = field(default_factory=list)
    on_refusal: list[threading.Event] = field(default_factory=list)

    def put(self, item: Caption | Unchanged, timeout_s: float) -> bool:
        assert timeout_s <= 1.0, "a bounded wait, so that a stop is prompt"
        if self.refusals:
            self.refusals -= 1
            return False
        self.items.append(item)
        return True


def make_sample(
    camera_id: str = "yard",
    *,
    clock: FakeClock,
    captured_s_ago: float = 0.0,
    due_s_ago: float = 0.0,
) -> Sample:
    now = clock.monotonic_ns()
    frame = make_frame(camera_id, mono_ns=now - ns(captured_s_ago))
    return Sample(frame, SampleReason.DUE, now - ns(due_s_ago))


def test_a_caption_carries_its_times() -> None:
    """waited_ms counts from due or capture, whichever came later, to the start of inference."""
    clock = FakeClock()
    source, sink = FakeSource(clock), FakeSink()
    source.due = [
        make_sample("old-frame", clock=clock, captured_s_ago=3.0, due_s_ago=0.5),
        make_sample("long-due", clock=clock, captured_s_ago=0.2, due_s_ago=9.0),
    ]
    worker = CaptionsWorker(FakeEngine(clock), source=source, sink=sink, clock=clock)

    worker.step()

    captions = [item for item in sink.items if isinstance(item, Caption)]
    assert [caption.waited_ms for caption in captions] == [500, 200]
    assert {caption.inferred_ms for caption in captions} == {250}
    assert {caption.done_mono_ns for caption in captions} == {clock.monotonic_ns()}
    assert {caption.batch_size for caption in captions} == {2}
    assert [sample.frame.camera_id for sample in source.done] == ["old-frame", "long-due"]


def test_batches_are_grouped_by_prompt() -> None:
    clock = FakeClock()
    source, sink, engine = FakeSource(clock), FakeSink(), FakeEngine(clock)
    source.due = [make_sample(name, clock=clock) for name in ("a", "b", "c", "d")]
    prompts = {"a": "a picture of", "c": "a picture of"}
    worker = CaptionsWorker(engine, source=source, sink=sink, clock=clock, prompt_of=prompts.get)

    worker.step()

    assert sorted(engine.batches, key=str) == [(2, "a picture of"), (2, None)]
    said = {item.frame.camera_id: item.text for item in sink.items if isinstance(item, Caption)}
    assert said == {"a": "a picture of 0", "c": "a picture of 1", "b": "None 0", "d": "None 1"}


def test_nothing_due_waits_and_passes_on_what_is_unchanged() -> None:
    clock = FakeClock()
    unchanged = Unchanged(make_frame())
    source, sink = FakeSource(clock, unchanged=[unchanged]), FakeSink()

    CaptionsWorker(FakeEngine(clock), source=source, sink=sink, clock=clock).step()

    assert sink.items == [unchanged]
    assert source.waits_s == [1.0]


def test_a_batch_waits_for_company_at_most_max_wait() -> None:
    clock = FakeClock()
    source, sink, engine = FakeSource(clock), FakeSink(), FakeEngine(clock)
    source.due = [make_sample("a", clock=clock)]
    source.arrivals = [make_sample("b", clock=clock), make_sample("c", clock=clock)]
    worker = CaptionsWorker(engine, source=source, sink=sink, clock=clock, max_wait_s=0.25)

    worker.step()

    assert engine.batches == [(3, None)]
    assert sum(min(wait, 0.1) for wait in source.waits_s) <= 0.25 + 1e-6


def test_without_max_wait_a_lone_look_goes_at_once() -> None:
    clock = FakeClock()
    source, engine = FakeSource(clock), FakeEngine(clock)
    source.due = [make_sample(clock=clock)]
    CaptionsWorker(engine, source=source, sink=FakeSink(), clock=clock).step()
    assert engine.batches == [(1, None)]
    assert source.waits_s == []


def test_out_of_memory_halves_the_batch_and_tries_again() -> None:
    """No look is lost, and the next batch is asked for at the size that fits."""
    clock = FakeClock()
    source, sink = FakeSource(clock), FakeSink()
    engine = FakeEngine(clock, room=2, max_batch=8)
    source.due = [make_sample(f"camera-{n}", clock=clock) for n in range(11)]
    worker = CaptionsWorker(engine, source=source, sink=sink, clock=clock)

    worker.step()
    worker.step()

    assert [size for size, _ in engine.batches] == [2, 2, 2, 2, 2]
    assert worker.stats.batch_limit == 2
    assert [sample.frame.camera_id for sample in source.done] == [f"camera-{n}" for n in range(10)]
    assert source.gone == []


def test_one_picture_too_many_is_a_failure_and_the_thread_lives() -> None:
    clock = FakeClock()
    source, sink = FakeSource(clock), FakeSink()
    source.due = [make_sample("a", clock=clock), make_sample("b", clock=clock)]
    worker = CaptionsWorker(FakeEngine(clock, room=0), source=source, sink=sink, clock=clock)

    worker.step()

    assert [(sample.frame.camera_id, told) for sample, told in source.gone] == [
        ("a", "cpu has no room"),
        ("b", "cpu has no room"),
    ]
    assert worker.stats.failed_total == 2


def test_a_failed_batch_is_a_status_until_one_succeeds() -> None:
    clock = FakeClock()
    source, sink, engine = FakeSource(clock), FakeSink(), FakeEngine(clock, fails=True)
    worker = CaptionsWorker(engine, source=source, sink=sink, clock=clock)
    source.due = [make_sample(clock=clock)]
    worker.step()
    first = worker.stats
    assert sink.items == []

    engine.fails = False
    source.due = [make_sample(clock=clock)]
    worker.step()
    assert (first.last_error, worker.stats.last_error) == ("endpoint is away", None)
    assert (worker.stats.captions_total, worker.stats.failed_total) == (1, 1)


def test_a_full_sink_is_waited_for() -> None:
    clock = FakeClock()
    source, sink = FakeSource(clock), FakeSink(refusals=3)
    source.due = [make_sample(clock=clock)]
    worker = CaptionsWorker(FakeEngine(clock), source=source, sink=sink, clock=clock)
    worker.step()
    assert len(sink.items) == 1
    assert worker.stats.lost_total == 0


def test_a_stop_ends_the_wait_for_a_full_sink() -> None:
    clock = FakeClock()
    source, sink = FakeSource(clock), FakeSink(refusals=1_000_000)
    source.due = [make_sample(clock=clock)]
    worker = CaptionsWorker(FakeEngine(clock), source=source, sink=sink, clock=clock)
    worker.stop()
    worker.step()
    assert worker.stats.lost_total == 1


def test_the_watchdog_grants_an_inference_its_deadline() -> None:
    """A beat is fresh before and after an inference; in between it may age up to the deadline, and no more."""
    clock = FakeClock()
    source = FakeSource(clock)
    source.due = [make_sample(clock=clock)]
    engine = FakeEngine(clock, takes_s=45.0)
    seen: list[tuple[float, float]] = []
    worker = CaptionsWorker(engine, source=source, sink=FakeSink(), clock=clock, deadline_s=60.0)
    advance = clock.advance

    def watch(seconds: float) -> None:
        advance(seconds)
        seen.append((worker.beat_age_s(), worker.allowance_s))

    clock.advance = watch  # type: ignore[method-assign]
    worker.step()

    assert seen == [(45.0, 60.0)]
    assert worker.beat_age_s() == 0.0
    assert worker.allowance_s < 60.0


def test_the_engine_is_closed_when_the_thread_ends() -> None:
    clock = FakeClock()
    engine = FakeEngine(clock)
    worker = CaptionsWorker(engine, source=FakeSource(clock), sink=FakeSink(), clock=clock)
    worker.stop()
    worker.start()
    assert worker.join(clock.monotonic_ns() + ns(5))
    assert engine.closed


def test_what_is_wrong_is_told_since_it_first_was_and_taken_back() -> None:
    clock = FakeClock()
    engine, source = FakeEngine(clock, fails=True), FakeSource(clock)
    worker = CaptionsWorker(engine, source=source, sink=FakeSink(), clock=clock)
    assert worker.problems() == ()

    began_unix_ms = clock.unix_ms()
    for _ in range(2):
        source.due = [make_sample(clock=clock)]
        worker.step()
        clock.advance(5)
    assert [(one.code, one.text, one.since_unix_ms) for one in worker.problems()] == [
        ("captions_failing", "no captions: endpoint is away", began_unix_ms)
    ]
    assert [one.component for one in worker.problems()] == [worker.name]
    assert all(one.remedy for one in worker.problems())
    assert worker.counters()["failed_total"] == 2

    engine.fails = False
    source.due = [make_sample(clock=clock)]
    worker.step()
    assert worker.problems() == ()
    assert worker.counters()["captions_total"] == 1


def test_a_fallback_that_speaks_is_a_problem_until_the_first_engine_is_back() -> None:
    clock = FakeClock()
    first, second = FakeEngine(clock, fails=True), FakeEngine(clock)
    both = FallbackCaptioner(first, second, retry_s=30, now_s=lambda: clock.monotonic_ns() / 1e9)
    source, sink = FakeSource(clock), FakeSink()
    worker = CaptionsWorker(both, source=source, sink=sink, clock=clock)

    source.due = [make_sample(clock=clock)]
    worker.step()
    assert [(one.code, one.text) for one in worker.problems()] == [
        ("captioner_fallback", "fake captions instead: endpoint is away")
    ]
    assert len(sink.items) == 1

    first.fails = False
    clock.advance(31)
    source.due = [make_sample(clock=clock)]
    worker.step()
    assert worker.problems() == ()


def codes(worker: CaptionsWorker) -> list[str]:
    return [problem.code for problem in worker.problems()]


def test_a_camera_that_is_captioned_does_not_hide_one_that_is_not() -> None:
    clock = FakeClock()
    engine, source = FakeEngine(clock, fails=True), FakeSource(clock)
    worker = CaptionsWorker(engine, source=source, sink=FakeSink(), clock=clock)
    source.due = [make_sample("gate", clock=clock)]
    worker.step()

    engine.fails = False
    source.due = [make_sample("yard", clock=clock)]
    worker.step()
    assert codes(worker) == ["captions_failing"]
    source.due = [make_sample("gate", clock=clock)]
    worker.step()
    assert codes(worker) == []


def test_a_camera_that_left_does_not_keep_its_failure_open() -> None:
    clock = FakeClock()
    engine, source = FakeEngine(clock, fails=True), FakeSource(clock)
    worker = CaptionsWorker(engine, source=source, sink=FakeSink(), clock=clock)
    source.due = [make_sample("gate", clock=clock)]
    worker.step()

    engine.fails = False
    clock.advance(91)
    source.due = [make_sample("yard", clock=clock)]
    worker.step()
    assert codes(worker) == []


@pytest.mark.parametrize(
    "broken",
    [CaptionResult("", 0.4), CaptionResult(". , .", None), CaptionResult("a dog", math.nan)],
)
def test_captions_without_words_are_failures_and_three_in_a_row_are_told(
    broken: CaptionResult,
) -> None:
    """What came out is handed on, without a number that is none; the picture has not been watched."""
    clock = FakeClock()
    engine, source, sink = FakeEngine(clock), FakeSource(clock), FakeSink()
    engine.says = [broken] * 3
    worker = CaptionsWorker(engine, source=source, sink=sink, clock=clock)
    told = []
    for _ in range(4):
        source.due = [make_sample(clock=clock)]
        worker.step()
        told.append(codes(worker))

    assert told == [[], [], ["captions_empty"], []]
    assert (len(source.gone), len(source.done)) == (3, 1)
    assert (worker.stats.failed_total, worker.stats.captions_total) == (3, 1)
    captions = [item for item in sink.items if isinstance(item, Caption)]
    assert len(captions) == 4
    assert all(item.confidence is None or math.isfinite(item.confidence) for item in captions)
    assert "a dog" not in [item.text for item in captions]


def test_memory_that_does_not_hold_one_picture_asks_the_fallback() -> None:
    """A batch that is too large is halved first: the fallback is for what no batch size mends."""
    clock = FakeClock()
    first, second = FakeEngine(clock, room=0), FakeEngine(clock, model_id="second")
    both = FallbackCaptioner(first, second, now_s=lambda: clock.monotonic_ns() / 1e9)
    source, sink = FakeSource(clock), FakeSink()
    source.due = [make_sample("a", clock=clock), make_sample("b", clock=clock)]
    worker = CaptionsWorker(both, source=source, sink=sink, clock=clock)

    worker.step()

    assert source.gone == []
    assert [item.model_id for item in sink.items if isinstance(item, Caption)] == ["second"] * 2
    assert codes(worker) == ["captioner_fallback"]
    assert worker.stats.batch_limit == 1


def test_settings_that_were_made_to_fit_are_a_problem_from_the_start() -> None:
    clock = FakeClock()
    worker = CaptionsWorker(
        FakeEngine(clock),
        source=FakeSource(clock),
        sink=FakeSink(),
        clock=clock,
        clamped=["3 attempts of 30 s do not fit"],
    )
    (problem,) = worker.problems()
    assert (problem.code, problem.text) == ("deadlines_clamped", "3 attempts of 30 s do not fit")


def test_a_stop_interrupts_an_engine_that_waits_and_is_no_failure() -> None:
    clock = FakeClock()
    engine = ScriptCaptioner([Line(text="a dog", delay_ms=60_000)])
    source, sink = FakeSource(clock), FakeSink()
    source.due = [make_sample(clock=clock)]
    worker = CaptionsWorker(engine, source=source, sink=sink, clock=clock)
    worker.stop()
    worker.step()
    assert (codes(worker), sink.items, source.gone) == ([], [], [])


def test_a_stop_does_not_turn_to_the_fallback() -> None:
    clock = FakeClock()
    second = FakeEngine(clock)
    both = FallbackCaptioner(ScriptCaptioner([Line(text="a dog", delay_ms=60_000)]), second)
    source = FakeSource(clock)
    source.due = [make_sample(clock=clock)]
    worker = CaptionsWorker(both, source=source, sink=FakeSink(), clock=clock)
    worker.stop()
    worker.step()
    assert (second.batches, codes(worker)) == ([], [])


def test_an_engine_that_takes_no_prompt_gets_cameras_of_all_prompts_in_one_batch() -> None:
    clock = FakeClock()
    engine, source = FakeEngine(clock, takes_prompt=False), FakeSource(clock)
    source.due = [make_sample(name, clock=clock) for name in ("yard", "gate")]
    worker = CaptionsWorker(
        engine, source=source, sink=FakeSink(), clock=clock, prompt_of=lambda camera_id: camera_id
    )
    worker.step()
    assert engine.batches == [(2, None)]


def test_pictures_come_as_a_square_or_in_their_own_shape() -> None:
    assert PictureSize(384).of(1920, 1080) == (384, 384)
    assert PictureSize(768, keeps_aspect=True).of(1920, 1080) == (768, 432)
    assert PictureSize(768, keeps_aspect=True).of(640, 480) == (640, 480), "never enlarged"


def test_the_captioner_yields_and_so_do_the_threads_it_starts() -> None:
    """torch's pool is started by the captioner's thread, so it inherits; the capture threads do not."""
    found: list[int] = []

    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def captioner() -> None:
        yield_to_capture()
        found.append(nice())
        child = threading.Thread(target=lambda: found.append(nice()))
        child.start()
        child.join()

    before = nice()
    thread = threading.Thread(target=captioner)
    thread.start()
    thread.join()
    assert found == [CAPTIONER_NICE, CAPTIONER_NICE]
    assert nice() == before
