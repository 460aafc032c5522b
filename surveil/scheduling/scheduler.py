"""The sampler as threads see it: captioners pull from it, rules and people tell it what matters."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from surveil.clock import Clock
from surveil.errors import CaptionError
from surveil.records import Caption, Sample
from surveil.scheduling import CameraPlan, Pull, Sampler, WatchReport


class Scheduler:
    """The pure sampler behind one lock. Any thread. Satisfies captioning's SampleSource."""

    def __init__(self, sampler: Sampler, clock: Clock) -> None:
        self._sampler = sampler
        self._clock = clock
        self._changed = threading.Condition()
        self._closed = False
        self._injected: list[Sample] = []

    def pull(self, limit: int) -> Pull:
        with self._changed:
            first, self._injected = self._injected[:limit], self._injected[limit:]
            pull = self._sampler.pull(self._clock.monotonic_ns(), limit - len(first))
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
        """The worker has told of the error; here the look only becomes due again."""
        with self._changed:
            self._sampler.failed(sample)

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

    def close(self) -> None:
        """Wake whoever waits: the captioners are about to stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
