"""The sampler as threads see it: captioners pull from it, rules and people tell it what matters."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from surveil.clock import NS_PER_MS, Clock, ns
from surveil.errors import CaptionError
from surveil.records import Caption, Problem, Sample
from surveil.scheduling.sampler import CameraPlan, Pull, Sampler, WatchReport

BEHIND_ENDS_NS = ns(30.0)
"""Nothing must have waited longer than its interval for this long before falling behind counts as over."""


class Scheduler:
    """The pure sampler behind one lock, under which no pixel is touched. Any thread."""

    name = "scheduler"

    def __init__(self, sampler: Sampler, clock: Clock) -> None:
        self._sampler = sampler
        self._clock = clock
        self._changed = threading.Condition()
        self._closed = False
        self._injected: list[Sample] = []
        self._late_ns = clock.monotonic_ns()
        self._behind_since_ns: int | None = None
        self._samples_total = self._unchanged_total = self._failed_total = 0

    def pull(self, limit: int) -> Pull:
        """At most `limit` samples. Regions and thumbnails that are still to be made take the caller's time alone."""
        with self._changed:
            candidates = self._sampler.candidates(self._clock.monotonic_ns())
        for candidate in candidates:
            candidate.prepare()
        with self._changed:
            first, self._injected = self._injected[:limit], self._injected[limit:]
            now_ns = self._clock.monotonic_ns()
            pull = self._sampler.choose(candidates, now_ns, limit - len(first))
            self._samples_total += len(first) + len(pull.samples)
            self._unchanged_total += len(pull.unchanged)
            return Pull([*first, *pull.samples], pull.unchanged)

    def inject(self, sample: Sample) -> None:
        """Caption a frame that comes from no camera, before all others."""
        with self._changed:
            self._injected.append(sample)
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until something may be due, at most `seconds`."""
        with self._changed:
            if not self._closed:
                next_s = self._sampler.seconds_to_next(self._clock.monotonic_ns())
                self._changed.wait(min(seconds, next_s))

    def captioned(self, sample: Sample) -> None:
        with self._changed:
            self._sampler.captioned(sample, self._clock.monotonic_ns())

    def failed(self, sample: Sample, error: CaptionError) -> None:
        """The worker has told of the error; here the picture only becomes due again, soon."""
        with self._changed:
            self._failed_total += 1
            self._sampler.failed(sample, self._clock.monotonic_ns())

    def hit(self, caption: Caption) -> None:
        """A rule matched the caption."""
        with self._changed:
            self._sampler.hit(caption, self._clock.monotonic_ns())

    def set_bypass_gates(self, camera_id: str, region_id: str | None, *, on: bool) -> None:
        with self._changed:
            self._sampler.set_bypass_gates(camera_id, region_id, on=on)

    def request(self, camera_id: str) -> None:
        """Caption the camera's newest frame now."""
        with self._changed:
            self._sampler.request(camera_id)
            self._changed.notify_all()

    def set_plans(self, plans: Iterable[CameraPlan]) -> None:
        with self._changed:
            self._sampler.set_plans(plans, self._clock.monotonic_ns())
            self._changed.notify_all()

    def report(self) -> list[WatchReport]:
        with self._changed:
            return self._sampler.report(self._clock.monotonic_ns())

    def problems(self) -> Sequence[Problem]:
        """That what is worth a caption waits for longer than its own interval, or did until a moment ago."""
        with self._changed:
            now_ns = self._clock.monotonic_ns()
            late = [r for r in self._sampler.report(now_ns) if r.late_s > r.interval_s]
            if late:
                self._late_ns = now_ns
                if self._behind_since_ns is None:
                    self._behind_since_ns = now_ns - ns(max(r.late_s for r in late))
            elif now_ns - self._late_ns > BEHIND_ENDS_NS:
                self._behind_since_ns = None
            if self._behind_since_ns is None:
                return []
            since_ms = self._clock.unix_ms() - (now_ns - self._behind_since_ns) // NS_PER_MS
        text = "captions cannot keep up: intervals are stretched alike, cameras with incidents keep theirs"
        remedy = "use longer intervals, fewer beams, a smaller model or a faster device"
        return [Problem("behind", text, since_ms, remedy=remedy)]

    def counters(self) -> Mapping[str, float]:
        with self._changed:
            return {
                "samples_total": self._samples_total,
                "unchanged_total": self._unchanged_total,
                "failed_total": self._failed_total,
            }

    def close(self) -> None:
        """Wake whoever waits: the captioners are about to stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
