"""Numbers are right, their series bounded, and a camera that left leaves none."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.api.metrics import Metrics, percentile
from surveil.records import CameraState, CameraStatus, Problem, Severity
from tests.fakes import FakeClock

ONLINE = CameraStatus(
    camera_id="yard",
    state=CameraState.ONLINE,
    reason=None,
    since_unix_ms=0,
    last_frame_age_ms=250,
    fps=25.0,
    width_px=1920,
    height_px=1080,
    frames_total=100,
    dropped_total=7,
    reconnects_total=2,
    last_error=None,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics(clock: FakeClock) -> Metrics:
    metrics = Metrics(clock)
    metrics.register_labels(cameras=["yard", "gate"], rules=["climbing"], destinations=["mqtt"])
    return metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"surveil_{name}", labels)


def test_every_stage_has_its_numbers(metrics: Metrics) -> None:
    metrics.caption("yard", batch_size=4, waited_s=0.1, inferred_s=0.4)
    metrics.unchanged("yard")
    metrics.captions_failed(1)
    metrics.match("climbing")
    metrics.alert("yard", rule_id="climbing", severity=Severity.CRITICAL)
    metrics.camera_status(ONLINE)
    metrics.deliveries_waiting("mqtt", 3)
    metrics.disk_free_bytes(5_000)
    metrics.unwatched("yard", 12.5)
    metrics.canary(passed=True)
    metrics.job("retention")
    metrics.engine(model_id="m", device="cpu", precision="bf16")
    assert value(metrics, "captions_total", camera="yard") == 1
    assert value(metrics, "looks_unchanged_total", camera="yard") == 1
    assert value(metrics, "caption_failures_total") == 1
    assert value(metrics, "caption_batch_size_sum") == 4
    assert value(metrics, "caption_wait_seconds_sum") == pytest.approx(0.1)
    assert value(metrics, "inference_seconds_sum") == pytest.approx(0.4)
    assert value(metrics, "matches_total", rule="climbing") == 1
    alert = {"camera": "yard", "rule": "climbing", "severity": "critical"}
    assert value(metrics, "alerts_total", **alert) == 1
    assert value(metrics, "frames_total", camera="yard") == 100
    assert value(metrics, "frames_dropped_total", camera="yard") == 7
    assert value(metrics, "reconnects_total", camera="yard") == 2
    assert value(metrics, "frame_age_seconds", camera="yard") == 0.25
    assert value(metrics, "camera_state", camera="yard", state="online") == 1
    assert value(metrics, "camera_state", camera="yard", state="offline") == 0
    assert value(metrics, "deliveries_waiting", destination="mqtt") == 3
    assert value(metrics, "disk_free_bytes") == 5_000
    assert value(metrics, "unwatched_seconds_total", camera="yard") == 12.5
    assert value(metrics, "canary_passed") == 1
    assert value(metrics, "job_runs_total", job="retention") == 1
    assert value(metrics, "engine_info", model="m", device="cpu", precision="bf16") == 1


def test_another_engine_replaces_the_first(metrics: Metrics) -> None:
    metrics.engine(model_id="large", device="npu:0", precision="fp16")
    metrics.engine(model_id="small", device="cpu", precision="fp32")
    assert value(metrics, "engine_info", model="large", device="npu:0", precision="fp16") is None
    assert value(metrics, "engine_info", model="small", device="cpu", precision="fp32") == 1


@given(names=st.lists(st.text(min_size=1), max_size=50))
def test_unknown_names_add_no_series(names: list[str]) -> None:
    """Whatever a broker or a bug may call a camera or a rule, the series are those of the configuration and `other`."""
    metrics = Metrics(FakeClock())
    metrics.register_labels(cameras=["yard"], rules=["r"], destinations=["mqtt"])
    for name in names:
        metrics.caption(name, batch_size=1, waited_s=0, inferred_s=0)
        metrics.match(name)
        metrics.alert(name, rule_id=name, severity=Severity.INFO)
        metrics.camera_status(dataclasses.replace(ONLINE, camera_id=name))
        metrics.unwatched(name, 1.0)
        metrics.deliveries_waiting(name, 1)
    allowed = {"yard", "r", "mqtt", "other"}
    for family in metrics.registry.collect():
        for sample in family.samples:
            for label in ("camera", "rule", "destination"):
                assert sample.labels.get(label, "other") in allowed


def test_a_camera_that_left_the_configuration_leaves_no_series(metrics: Metrics) -> None:
    metrics.caption("yard", batch_size=1, waited_s=0, inferred_s=0)
    metrics.unchanged("yard")
    metrics.alert("yard", rule_id="climbing", severity=Severity.INFO)
    metrics.camera_status(ONLINE)
    metrics.unwatched("yard", 1)
    metrics.register_labels(cameras=["gate"], rules=["climbing"], destinations=["mqtt"])
    assert b"yard" not in metrics.render()


def test_what_parts_count_is_asked_when_prometheus_asks(metrics: Metrics) -> None:
    done = {"done_total": 3.0}
    metrics.read_counters(lambda: {"recorder": done})
    assert value(metrics, "component", component="recorder", counter="done_total") == 3
    done["done_total"] = 4.0
    assert value(metrics, "component", component="recorder", counter="done_total") == 4


def test_problems_come_and_go(metrics: Metrics) -> None:
    metrics.problems([Problem("disk", "full", 0, "a"), Problem("disk", "twice", 0, "a")])
    assert value(metrics, "problem", code="disk", component="a") == 1
    metrics.problems([])
    assert value(metrics, "problem", code="disk", component="a") is None


def test_the_text_is_what_prometheus_reads(metrics: Metrics) -> None:
    text = metrics.render().decode()
    assert "# TYPE surveil_captions_total counter" in text
    assert "process_resident_memory_bytes" in text


def test_two_instances_do_not_share_a_registry(clock: FakeClock) -> None:
    first, second = Metrics(clock), Metrics(clock)
    first.canary(passed=True)
    assert value(second, "canary_passed") == 0


def test_stats_of_a_minute(metrics: Metrics, clock: FakeClock) -> None:
    for index in range(120):
        clock.advance(1)
        metrics.caption("yard", batch_size=1, waited_s=0.0, inferred_s=index / 100, age_s=2.0)
    stats = metrics.stats()
    assert stats.captions_per_s == pytest.approx(1.0, rel=0.03)
    assert stats.latency_p50_s == pytest.approx(0.89, abs=0.02)
    assert stats.latency_p95_s == pytest.approx(1.16, abs=0.02)
    assert stats.age_p50_s == 2.0


def test_stats_soon_after_the_start_are_not_diluted(metrics: Metrics, clock: FakeClock) -> None:
    clock.advance(2)
    for _ in range(10):
        metrics.caption("yard", batch_size=1, waited_s=0, inferred_s=0)
    assert metrics.stats().captions_per_s == pytest.approx(5.0)


def test_stats_of_nothing(metrics: Metrics) -> None:
    stats = metrics.stats()
    assert stats.captions_per_s == 0
    assert stats.latency_p95_s is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_a_value_below_which_that_share_lies(
    values: list[float], percent: int
) -> None:
    ascending = sorted(values)
    found = percentile(ascending, percent)
    assert found in ascending
    at_most = sum(each <= found for each in ascending)
    assert at_most * 100 >= percent * len(ascending)
