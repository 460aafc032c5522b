"""Numbers for Prometheus, and the few of them that people see in STATUS= and the MQTT statistics.

Labels come only from the configuration: what is not known to it is counted under `other`, so that neither a broker nor
a camera can make the number of series grow.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from surveil.clock import NS_PER_S, Clock, ns
from surveil.records import CameraState, CameraStatus, Problem, Severity

OTHER = "other"
WINDOW_S = 60.0
MAX_SAMPLES = 20_000
"""Captions remembered for the percentiles: over 300 a second for a minute."""
LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class CaptionStats:
    """The last 60 s, or the time since the start if that is shorter. Latency is waited plus inferred."""

    captions_per_s: float
    latency_p50_s: float | None
    latency_p95_s: float | None
    age_p50_s: float | None
    """Of the frame when its caption was ready."""
    age_p95_s: float | None


class Metrics:
    """Every number of the daemon, in a registry of its own. Any thread; no method blocks."""

    def __init__(self, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._lock = threading.Lock()
        self._cameras: frozenset[str] = frozenset()
        self._rules: frozenset[str] = frozenset()
        self._destinations: frozenset[str] = frozenset()
        self._latencies: deque[tuple[int, float, float]] = deque(maxlen=MAX_SAMPLES)
        self._started_ns = clock.monotonic_ns()
        self._reported = _Reported(self._cameras)
        self.registry.register(self._reported)
        ProcessCollector(registry=self.registry)
        self._make()

    def _make(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"surveil_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"surveil_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: Iterable[float]) -> Histogram:
            return Histogram(
                f"surveil_{name}", text, buckets=tuple(buckets), registry=self.registry
            )

        self._captions = counter("captions", "Captions written.", "camera")
        self._unchanged = counter(
            "looks_unchanged", "Looks that the gates found unchanged.", "camera"
        )
        self._batch = histogram(
            "caption_batch_size",
            "Pictures in the batch that a caption came from, by caption.",
            BATCH_BUCKETS,
        )
        self._waited = histogram(
            "caption_wait_seconds", "From a look's due time to inference.", LATENCY_BUCKETS_S
        )
        self._inferred = histogram(
            "inference_seconds",
            "Inference of the batch that a caption came from, by caption.",
            LATENCY_BUCKETS_S,
        )
        self._matches = counter("matches", "Captions that a rule matched.", "rule")
        self._alerts = counter("alerts", "Alerts raised.", "camera", "rule", "severity")
        self._waiting = gauge("deliveries_waiting", "Alerts not yet acknowledged.", "destination")
        self._disk_free = gauge("disk_free_bytes", "Free space where state is kept.")
        self._canary = gauge("canary_passed", "1 when the last canary arrived as expected, else 0.")
        self._jobs = counter("job_runs", "Runs of periodic jobs.", "job")
        self._engine = gauge("engine_info", "The engine in use.", "model", "device", "precision")

    def register_labels(
        self, *, cameras: Iterable[str], rules: Iterable[str], destinations: Iterable[str]
    ) -> None:
        """What the configuration holds now; series of what it no longer holds end."""
        gone = self._cameras - set(cameras := tuple(cameras))
        self._cameras, self._rules = frozenset(cameras), frozenset(rules)
        self._destinations = frozenset(destinations)
        self._reported.known = self._cameras
        for camera_id in gone:
            self.forget_camera(camera_id)

    def forget_camera(self, camera_id: str) -> None:
        """End the series of a camera that left the configuration."""
        self._reported.forget(camera_id)
        for metric in (self._captions, self._unchanged, self._alerts):
            metric.remove_by_labels({"camera": camera_id})

    def caption(
        self,
        camera_id: str,
        *,
        batch_size: int,
        waited_s: float,
        inferred_s: float,
        age_s: float | None = None,
    ) -> None:
        """One caption; called for each of a batch, so batch sizes and inference times are weighted by captions.

        `age_s`: from the frame's capture to its caption; by default waited plus inferred.
        """
        self._captions.labels(self._camera(camera_id)).inc()
        self._waited.observe(waited_s)
        self._batch.observe(batch_size)
        self._inferred.observe(inferred_s)
        with self._lock:
            latency_s = waited_s + inferred_s
            aged_s = latency_s if age_s is None else age_s
            self._latencies.append((self._clock.monotonic_ns(), latency_s, aged_s))

    def unchanged(self, camera_id: str) -> None:
        self._unchanged.labels(self._camera(camera_id)).inc()

    def captions_failed(self, total: int) -> None:
        """Since the start, as the captioners count them."""
        self._reported.caption_failures = total

    def match(self, rule_id: str) -> None:
        self._matches.labels(_known(rule_id, self._rules)).inc()

    def alert(self, camera_id: str, *, rule_id: str, severity: Severity) -> None:
        self._alerts.labels(
            self._camera(camera_id), _known(rule_id, self._rules), severity.value
        ).inc()

    def camera_status(self, status: CameraStatus) -> None:
        """The newest word of a camera's thread; replaces the one before."""
        self._reported.statuses[status.camera_id] = status

    def unwatched(self, camera_id: str, seconds: float) -> None:
        """Total seconds since the start for which the camera's newest look was older than twice its interval."""
        self._reported.unwatched_s[camera_id] = seconds

    def read_counters(self, counters: Callable[[], Mapping[str, Mapping[str, float]]]) -> None:
        """Where to ask, whenever Prometheus does: component -> its numbers."""
        self._reported.counters = counters

    def problems(self, problems: Iterable[Problem]) -> None:
        self._reported.problems = tuple(problems)

    def deliveries_waiting(self, destination: str, count: int) -> None:
        self._waiting.labels(_known(destination, self._destinations)).set(count)

    def disk_free_bytes(self, free_bytes: int) -> None:
        self._disk_free.set(free_bytes)

    def canary(self, *, passed: bool) -> None:
        self._canary.set(1 if passed else 0)

    def job(self, name: str) -> None:
        """One run; `name` is one of the daemon's own."""
        self._jobs.labels(name).inc()

    def engine(self, *, model_id: str, device: str, precision: str) -> None:
        """The one in use; replaces the one before."""
        self._engine.clear()
        self._engine.labels(model_id, device, precision).set(1)

    def render(self) -> bytes:
        """The Prometheus text format."""
        return bytes(generate_latest(self.registry))

    def stats(self) -> CaptionStats:
        """Caption rate and latency percentiles of the last minute."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            while self._latencies and self._latencies[0][0] < now_ns - ns(WINDOW_S):
                self._latencies.popleft()
            latencies = sorted(latency for _, latency, _ in self._latencies)
            ages = sorted(age for _, _, age in self._latencies)
        span_s = min(WINDOW_S, (now_ns - self._started_ns) / NS_PER_S)
        return CaptionStats(
            captions_per_s=len(latencies) / span_s if span_s > 0 else 0.0,
            latency_p50_s=percentile(latencies, 50),
            latency_p95_s=percentile(latencies, 95),
            age_p50_s=percentile(ages, 50),
            age_p95_s=percentile(ages, 95),
        )

    def _camera(self, camera_id: str) -> str:
        return _known(camera_id, self._cameras)


def percentile(ascending: list[float], percent: int) -> float | None:
    """Nearest-rank percentile of sorted values; None of nothing."""
    if not ascending:
        return None
    rank = -(-len(ascending) * percent // 100)
    return ascending[max(0, rank - 1)]


class _Reported(Collector):
    """Totals that others count: handed on as they were last reported, at the moment when Prometheus asks."""

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.statuses: dict[str, CameraStatus] = {}
        self.unwatched_s: dict[str, float] = {}
        self.problems: tuple[Problem, ...] = ()
        self.caption_failures = 0
        self.counters: Callable[[], Mapping[str, Mapping[str, float]]] = dict

    def forget(self, camera_id: str) -> None:
        self.statuses.pop(camera_id, None)
        self.unwatched_s.pop(camera_id, None)

    def collect(self) -> Iterator[Metric]:
        statuses = [s for s in list(self.statuses.values()) if s.camera_id in self.known]
        yield from self._totals(statuses)
        yield from self._states(statuses)
        unwatched = CounterMetricFamily(
            "surveil_unwatched_seconds",
            "Time for which the newest look was older than twice the interval.",
            labels=["camera"],
        )
        for camera_id, seconds in list(self.unwatched_s.items()):
            if camera_id in self.known:
                unwatched.add_metric([camera_id], seconds)
        yield unwatched
        failures = CounterMetricFamily(
            "surveil_caption_failures", "Pictures that an engine gave no caption for."
        )
        failures.add_metric([], self.caption_failures)
        yield failures
        problem = GaugeMetricFamily(
            "surveil_problem",
            "1 for each problem that keeps the node degraded.",
            labels=["code", "component"],
        )
        for labels in dict.fromkeys((p.code, p.component) for p in self.problems):
            problem.add_metric(labels, 1)
        yield problem
        numbers = GaugeMetricFamily(
            "surveil_component", "What each part counts.", labels=["component", "counter"]
        )
        for component, counters in self.counters().items():
            for name, number in counters.items():
                numbers.add_metric([component, name], number)
        yield numbers

    def _totals(self, statuses: list[CameraStatus]) -> Iterator[Metric]:
        for field, name, text in (
            ("frames_total", "surveil_frames", "Frames decoded."),
            ("dropped_total", "surveil_frames_dropped", "Frames that left the buffer unseen."),
            ("reconnects_total", "surveil_reconnects", "Connections made again."),
        ):
            family = CounterMetricFamily(name, text, labels=["camera"])
            for status in statuses:
                family.add_metric([status.camera_id], getattr(status, field))
            yield family

    def _states(self, statuses: list[CameraStatus]) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "surveil_camera_state",
            "1 for the state that the camera is in.",
            labels=["camera", "state"],
        )
        age = GaugeMetricFamily(
            "surveil_frame_age_seconds", "Age of the newest frame.", labels=["camera"]
        )
        for status in statuses:
            for possible in CameraState:
                state.add_metric([status.camera_id, possible.value], status.state is possible)
            if status.last_frame_age_ms is not None:
                age.add_metric([status.camera_id], status.last_frame_age_ms / 1000)
        yield state
        yield age


def _known(label: str, known: frozenset[str]) -> str:
    return label if label in known else OTHER
