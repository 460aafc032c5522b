"""Due times, gates, fairness and floors, on a clock moved by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.clock import ns
from surveil.records import Frame, Region, SampleReason
from surveil.scheduling import CameraPlan, Gates, Pull, Sampler
from tests.fakes import ArrayPicture, make_frame

OFF = Gates(motion_area=None, duplicate_area=None)


class Cameras:
    """A FrameStore whose cameras send what they are told to."""

    def __init__(self) -> None:
        self._newest: dict[str, Frame] = {}
        self._seq = 0

    def newest(self, camera_id: str) -> Frame | None:
        return self._newest.get(camera_id)

    def leave(self, camera_id: str) -> None:
        del self._newest[camera_id]

    def send(self, camera_id: str, at_s: float, *, marked: bool = False) -> None:
        self._seq += 1
        pixels = np.full((54, 96, 3), 100, dtype=np.uint8)
        if marked:
            pixels[10:30, 10:30] = 250
        self._newest[camera_id] = make_frame(
            camera_id, seq=self._seq, mono_ns=ns(at_s), picture=ArrayPicture(pixels)
        )


class Bench:
    """A sampler, its cameras, and a captioner that answers at once."""

    def __init__(self, *plans: CameraPlan) -> None:
        self.cameras = Cameras()
        self.sampler = Sampler(self.cameras)
        self.plans = plans
        self.sampler.set_plans(plans, 0)

    def at(self, now_s: float, *, limit: int = 8, send: bool = True, marked: bool = False) -> Pull:
        """Every camera sends a frame, then the captioner pulls and finishes what it got."""
        for plan in self.plans if send else ():
            self.cameras.send(plan.camera_id, now_s, marked=marked)
        pull = self.pull(now_s, limit)
        for sample in pull.samples:
            self.sampler.captioned(sample, ns(now_s))
        return pull

    def pull(self, now_s: float, limit: int) -> Pull:
        """Both halves of a pull."""
        candidates = self.sampler.candidates(ns(now_s))
        for candidate in candidates:
            candidate.prepare()
        return self.sampler.choose(candidates, ns(now_s), limit)


def plan(
    camera_id: str = "yard",
    *,
    gates: Gates = OFF,
    interval_s: float = 5,
    max_interval_s: float = 60,
) -> CameraPlan:
    return CameraPlan(camera_id, interval_s=interval_s, max_interval_s=max_interval_s, gates=gates)


def cameras_of(pull: Pull) -> list[str]:
    return [sample.frame.camera_id for sample in pull.samples]


def test_a_sample_is_due_at_once_and_then_every_interval() -> None:
    bench = Bench(plan())
    sampled_at = [now_s for now_s in range(21) if bench.at(now_s).samples]
    assert sampled_at == [0, 5, 10, 15, 20]


def test_the_frame_taken_is_the_newest() -> None:
    bench = Bench(plan())
    bench.cameras.send("yard", 1)
    bench.cameras.send("yard", 2)
    (sample,) = bench.pull(3, 1).samples
    assert sample.frame.captured_mono_ns == ns(2)


def test_a_camera_that_stands_still_is_not_captioned_again() -> None:
    bench = Bench(plan())
    assert bench.at(0).samples
    assert not bench.at(5, send=False).samples


def test_nothing_is_pulled_twice_while_in_flight() -> None:
    bench = Bench(plan())
    bench.cameras.send("yard", 0)
    (sample,) = bench.pull(0, 4).samples
    bench.cameras.send("yard", 9)
    assert not bench.pull(9, 4).samples
    bench.sampler.captioned(sample, ns(9))
    assert bench.pull(9, 4).samples


def test_a_failed_sample_is_due_again_with_the_same_frame() -> None:
    bench = Bench(plan())
    bench.cameras.send("yard", 0)
    (sample,) = bench.pull(0, 4).samples
    bench.sampler.failed(sample, 0)
    assert bench.pull(1, 4).samples[0].frame is sample.frame


def test_a_failed_sample_is_repeated_soon_however_long_the_interval_and_still_the_scene() -> None:
    """After 1, 2, 4 ... 30 seconds; a caption in between begins the pauses anew."""
    gates = Gates(motion_area=0.004, duplicate_area=None)
    bench = Bench(plan(gates=gates, interval_s=600, max_interval_s=3600))
    (sample,) = bench.at(0).samples
    bench.at(600)

    def failing(first_s: int, until_s: int) -> list[int]:
        repeated = []
        for now_s in range(first_s, until_s):
            bench.cameras.send("yard", now_s)
            for again in bench.pull(now_s, 4).samples:
                repeated.append(now_s)
                bench.sampler.failed(again, ns(now_s))
        return repeated

    bench.sampler.failed(sample, ns(1000))
    assert failing(1000, 1100) == [1001, 1003, 1007, 1015, 1031, 1061, 1091]
    assert bench.at(1121).samples
    bench.sampler.failed(sample, ns(1121))
    assert failing(1121, 1130) == [1122, 1124, 1128]


def test_the_pauses_between_failures_are_no_longer_than_the_interval() -> None:
    bench = Bench(plan(interval_s=5))
    failed_at = []
    for now_s in range(30):
        bench.cameras.send("yard", now_s)
        for sample in bench.pull(now_s, 4).samples:
            failed_at.append(now_s)
            bench.sampler.failed(sample, ns(now_s))
    assert failed_at == [0, 1, 3, 7, 12, 17, 22, 27]


def test_a_picture_whose_captions_fail_is_late_and_unwatched() -> None:
    bench = Bench(plan(interval_s=5))
    for now_s in range(30):
        bench.cameras.send("yard", now_s)
        for sample in bench.pull(now_s, 4).samples:
            bench.sampler.failed(sample, ns(now_s))
    (report,) = bench.sampler.report(ns(30))
    assert report.late_s == 30
    assert report.unwatched_s == 20
    assert bench.at(40).samples
    assert bench.sampler.report(ns(40))[0].late_s == 0


def test_a_camera_that_left_while_its_captions_failed_is_not_late_for_ever() -> None:
    bench = Bench(plan())
    bench.cameras.send("yard", 0)
    (sample,) = bench.pull(0, 4).samples
    bench.sampler.failed(sample, 0)
    bench.cameras.leave("yard")
    assert bench.pull(100, 4) == Pull()
    assert bench.sampler.report(ns(100))[0].late_s == 0


def test_unchanged_frames_are_told_and_count_as_watched() -> None:
    bench = Bench(plan(gates=Gates()))
    assert bench.at(0).samples
    for now_s in (5, 10, 15):
        pull = bench.at(now_s)
        assert not pull.samples
        assert [u.frame.captured_mono_ns for u in pull.unchanged] == [ns(now_s)]
    assert bench.sampler.report(ns(20))[0].unwatched_s == 0


def test_a_change_is_captioned_and_so_is_its_end() -> None:
    bench = Bench(plan(gates=Gates()))
    bench.at(0)
    assert bench.at(5, marked=True).samples[0].reason is SampleReason.DUE
    assert bench.at(10, marked=True).unchanged
    assert bench.at(15).samples


def test_every_camera_is_captioned_at_least_every_max_interval() -> None:
    bench = Bench(plan(gates=Gates(), max_interval_s=30))
    given = [
        (now_s, sample.reason) for now_s in range(0, 65, 5) for sample in bench.at(now_s).samples
    ]
    assert given == [
        (0, SampleReason.OVERDUE),
        (30, SampleReason.OVERDUE),
        (60, SampleReason.OVERDUE),
    ]


def test_an_incident_bypasses_the_gates_until_it_ends() -> None:
    bench = Bench(plan(gates=Gates()))
    bench.at(0)
    bench.sampler.set_bypass_gates("yard", None, on=True)
    assert bench.at(5).samples[0].reason is SampleReason.INCIDENT
    bench.sampler.set_bypass_gates("yard", None, on=False)
    assert bench.at(10).unchanged


def test_a_request_is_captioned_before_its_time_and_first() -> None:
    bench = Bench(plan("a"), plan("b"))
    bench.at(0)
    bench.sampler.request("b")
    pull = bench.at(1)
    assert cameras_of(pull) == ["b"]
    assert pull.samples[0].reason is SampleReason.REQUESTED
    assert cameras_of(bench.at(6, limit=1)) == ["a"]


def test_a_request_is_answered_even_when_the_camera_sent_nothing_new() -> None:
    bench = Bench(plan())
    bench.at(0)
    bench.sampler.request("yard")
    assert bench.at(1, send=False).samples


def test_short_capacity_is_shared_alike() -> None:
    """Six cameras of 1 s, room for two captions a second: each gets a third of what it asked for."""
    bench = Bench(*(plan(f"c{i}", interval_s=1, max_interval_s=100) for i in range(6)))
    counts = dict.fromkeys((f"c{i}" for i in range(6)), 0)
    for now_s in range(60):
        for camera_id in cameras_of(bench.at(now_s, limit=2)):
            counts[camera_id] += 1
    assert set(counts.values()) == {20}


def test_a_camera_with_an_incident_keeps_its_interval_and_the_others_keep_their_floor() -> None:
    bench = Bench(*(plan(f"c{i}", interval_s=1, max_interval_s=10) for i in range(6)))
    times: dict[str, list[int]] = {f"c{i}": [] for i in range(6)}
    for now_s in range(121):
        bench.sampler.set_bypass_gates("c0", None, on=True)
        for camera_id in cameras_of(bench.at(now_s, limit=2)):
            times[camera_id].append(now_s)
    gaps = {camera_id: np.diff(at).max() for camera_id, at in times.items()}
    assert gaps["c0"] <= 3
    assert all(gap <= 12 for gap in gaps.values())
    assert len(times["c0"]) > 2 * len(times["c1"])


def test_being_short_shows_as_lateness_and_as_unwatched_seconds() -> None:
    bench = Bench(*(plan(f"c{i}", interval_s=1, max_interval_s=100) for i in range(8)))
    for now_s in range(40):
        bench.at(now_s, limit=1)
    reports = bench.sampler.report(ns(40))
    assert all(report.spacing_s == pytest.approx(8) for report in reports)
    assert all(report.unwatched_s > 20 for report in reports)
    assert max(report.late_s for report in reports) >= 6


def test_unwatched_counts_only_what_lies_beyond_twice_the_interval() -> None:
    bench = Bench(plan(interval_s=5))
    bench.at(0)
    bench.at(25)
    assert bench.sampler.report(ns(30))[0].unwatched_s == pytest.approx(15)
    assert bench.sampler.report(ns(37))[0].unwatched_s == pytest.approx(17)


def test_regions_are_sampled_at_as_pictures_of_their_own() -> None:
    left, right = Region("door", 0, 0, 0.5, 1), Region("gate", 0.5, 0, 1, 1)
    bench = Bench(
        CameraPlan("yard", interval_s=5, max_interval_s=60, gates=OFF, regions=(left, right))
    )
    samples = bench.at(0).samples
    assert {sample.frame.region_id for sample in samples} == {"door", "gate"}
    assert {(sample.frame.width_px, sample.frame.height_px) for sample in samples} == {(48, 54)}


def test_a_changed_plan_keeps_the_rhythm_and_a_removed_camera_is_forgotten() -> None:
    bench = Bench(plan("a"), plan("b"))
    bench.at(0)
    bench.sampler.set_plans([plan("a"), plan("c")], ns(1))
    bench.cameras.send("c", 1)
    assert cameras_of(bench.pull(1, 8)) == ["c"]


def test_a_shorter_interval_takes_effect_at_once() -> None:
    bench = Bench(plan(interval_s=60))
    bench.at(0)
    bench.sampler.set_plans([plan(interval_s=5)], ns(4))
    assert not bench.at(4).samples
    assert bench.at(5).samples


def test_seconds_to_next_follows_the_due_list() -> None:
    bench = Bench(plan(interval_s=5))
    assert Sampler(Cameras()).seconds_to_next(0) == 1
    bench.at(0)
    assert bench.sampler.seconds_to_next(ns(1)) == 1
    assert bench.sampler.seconds_to_next(ns(4.8)) == pytest.approx(0.2)
    assert bench.sampler.seconds_to_next(ns(5)) == pytest.approx(0.05)


def test_a_frame_that_waits_is_cut_and_judged_once() -> None:
    """Given two regions and room for one, when the same frame is pulled again, the part that waited is the one that
    was cut before; of a newer frame it is cut anew."""
    left, right = Region("door", 0, 0, 0.5, 1), Region("gate", 0.5, 0, 1, 1)
    regions = CameraPlan("yard", interval_s=5, max_interval_s=60, regions=(left, right))
    bench = Bench(regions)
    bench.cameras.send("yard", 0)
    candidates = bench.sampler.candidates(0)
    for candidate in candidates:
        candidate.prepare()
    (taken,) = bench.sampler.choose(candidates, 0, 1).samples
    (waiting,) = bench.sampler.candidates(ns(1))
    assert waiting.frame.region_id != taken.frame.region_id
    assert any(waiting.frame is candidate.frame for candidate in candidates)
    assert (waiting.region, waiting.closed) == (None, False)
    bench.cameras.send("yard", 2)
    (newer,) = bench.sampler.candidates(ns(2))
    assert newer.frame.captured_mono_ns == ns(2)
    assert newer.region is not None


def test_what_somebody_else_decided_meanwhile_is_passed_by() -> None:
    """Given two captioners that pull at once, the second gets nothing of what the first took or passed over, and
    nothing of a plan that is gone."""
    bench = Bench(plan("a"), plan("b"))
    for camera_id in ("a", "b"):
        bench.cameras.send(camera_id, 0)
    second = bench.sampler.candidates(0)
    for candidate in second:
        candidate.prepare()
    assert cameras_of(bench.pull(0, 1)) == ["a"]
    assert cameras_of(bench.sampler.choose(second, 0, 8)) == ["b"]
    third = bench.sampler.candidates(ns(9))
    bench.sampler.set_plans([plan("c")], ns(9))
    assert bench.sampler.choose(third, ns(9), 8) == Pull()


def test_a_frame_judged_before_its_caption_failed_is_judged_again() -> None:
    """Given gates that found a frame unchanged, when the caption it was compared with fails meanwhile, the frame is not
    passed over."""
    bench = Bench(plan(gates=Gates()))
    bench.cameras.send("yard", 0)
    (sample,) = bench.pull(0, 1).samples
    bench.sampler.captioned(sample, 0)
    bench.cameras.send("yard", 5)
    (candidate,) = bench.sampler.candidates(ns(5))
    candidate.prepare()
    assert candidate.closed
    bench.sampler.failed(sample, ns(5))
    assert bench.sampler.choose([candidate], ns(5), 1) == Pull()
    assert len(bench.pull(6, 1).samples) == 1


@given(
    st.lists(st.tuples(st.integers(1, 8), st.booleans()), min_size=1, max_size=6),
    st.integers(1, 4),
)
def test_no_camera_starves_and_no_pull_exceeds_the_limit(
    wishes: list[tuple[int, bool]], limit: int
) -> None:
    """Whatever the intervals and incidents, every camera is captioned, and a pull never exceeds its limit."""
    plans = [
        plan(f"c{i}", interval_s=interval_s, max_interval_s=10 + interval_s)
        for i, (interval_s, _) in enumerate(wishes)
    ]
    bench = Bench(*plans)
    for i, (_, bypass_gates) in enumerate(wishes):
        bench.sampler.set_bypass_gates(f"c{i}", None, on=bypass_gates)
    seen: dict[str, int] = {}
    for now_s in range(60):
        samples = bench.at(now_s, limit=limit)
        assert len(samples.samples) <= limit
        for camera_id in cameras_of(samples):
            assert now_s - seen.get(camera_id, 0) <= 30
            seen[camera_id] = now_s
    assert len(seen) == len(plans)
