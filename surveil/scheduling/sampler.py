"""The due list: asked when the captioner is free, answers with the newest frames that are worth a caption."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from surveil.clock import NS_PER_S, ns
from surveil.records import Caption, Frame, Luma, Sample, SampleReason, Unchanged
from surveil.scheduling.camera_plan import CameraPlan, Region
from surveil.scheduling.motion_gate import thumbnail

WAIT_FOR_FRAME_S = 0.05
"""How soon to look again for a frame of a camera that is due but has sent nothing new."""
MAX_WAIT_S = 1.0


class FrameStore(Protocol):
    """Where frames are; the ring buffer, in the daemon."""

    def newest(self, camera_id: str) -> Frame | None: ...


@dataclass(frozen=True, slots=True)
class Pull:
    """What one call of `Sampler.pull` found."""

    samples: list[Sample] = field(default_factory=list)
    unchanged: list[Unchanged] = field(default_factory=list)


class Sampler:
    """Chooses frames, fairly, under a capacity that is not known in advance.

    When more is worth a caption than the captioner can take, order is: what was asked for; what had no caption for its
    `max_interval` (each camera's floor); what has an incident or had a hit in the last minute; the rest by lateness in
    units of its own interval, so that all are stretched alike.
    """

    def __init__(self, frames: FrameStore) -> None:
        self._frames = frames
        self._pictures: dict[tuple[str, str | None], WatchedPicture] = {}

    def set_plans(self, plans: Iterable[CameraPlan], now_ns: int) -> None:
        """Replace the plans; what stays keeps its state."""
        pictures: dict[tuple[str, str | None], WatchedPicture] = {}
        for plan in plans:
            for region in plan.regions or (None,):
                watch = self._adopted(plan, region, now_ns)
                pictures[watch.key] = watch
        self._pictures = pictures

    def pull(self, now_ns: int, limit: int) -> Pull:
        """At most `limit` looks, most urgent first, and every due look that the gates found unchanged."""
        found = Pull()
        due = [watch for watch in self._pictures.values() if watch.is_due(now_ns)]
        for watch in sorted(due, key=lambda watch: watch.urgency(now_ns)):
            frame = self._frame(watch)
            if frame is None:
                continue
            glimpse = Glimpse(frame, thumbnail(frame.picture))
            reason = watch.reason(glimpse, now_ns)
            if reason is None:
                watch.pass_over(glimpse, now_ns)
                found.unchanged.append(Unchanged(frame))
            elif len(found.samples) < limit:
                found.samples.append(watch.take(glimpse, reason, now_ns))
            elif watch.waiting_since_ns is None:
                watch.waiting_since_ns = now_ns
        return found

    def seconds_to_next(self, now_ns: int) -> float:
        """How long the captioner may sleep before `pull` can have something new, 0.05..1 s."""
        free = [watch.due_ns for watch in self._pictures.values() if not watch.in_flight]
        if not free:
            return MAX_WAIT_S
        return min(MAX_WAIT_S, max(WAIT_FOR_FRAME_S, (min(free) - now_ns) / NS_PER_S))

    def captioned(self, sample: Sample, now_ns: int) -> None:
        """The look's caption is ready."""
        if watch := self._picture_of(sample.frame):
            watch.captioned(sample, now_ns)

    def failed(self, sample: Sample) -> None:
        """The look's caption will not come."""
        if watch := self._picture_of(sample.frame):
            watch.failed()

    def hit(self, caption: Caption, now_ns: int) -> None:
        """A rule matched: the camera keeps its interval for a minute."""
        if watch := self._picture_of(caption.frame):
            watch.hit(now_ns)

    def set_bypass_gates(self, camera_id: str, region_id: str | None, *, on: bool) -> None:
        """An incident is open or half confirmed: the gates are bypassed until it is not."""
        if watch := self._pictures.get((camera_id, region_id)):
            watch.bypass_gates = on

    def request(self, camera_id: str) -> None:
        """Caption the camera's newest frame (each of its regions) as soon as possible."""
        for watch in self._pictures.values():
            if watch.plan.camera_id == camera_id:
                watch.requested = True

    def report(self, now_ns: int) -> list[WatchReport]:
        """How well each picture is being watched."""
        return [watch.report(now_ns) for watch in self._pictures.values()]

    def _adopted(self, plan: CameraPlan, region: Region | None, now_ns: int) -> WatchedPicture:
        key = (plan.camera_id, region.region_id if region else None)
        watch = self._pictures.get(key)
        if watch is None:
            return WatchedPicture(plan, region, now_ns)
        watch.adopt(plan, region)
        return watch

    def _frame(self, watch: WatchedPicture) -> Frame | None:
        """The newest frame of the watch's picture, unless it was looked at already and nobody asks again."""
        frame = self._frames.newest(watch.plan.camera_id)
        if frame is None or not (watch.requested or watch.fresh(frame)):
            return None
        return watch.region.cut(frame) if watch.region else frame

    def _picture_of(self, frame: Frame) -> WatchedPicture | None:
        return self._pictures.get((frame.camera_id, frame.region_id))


class Glimpse(NamedTuple):
    """A frame and its brightness thumbnail, made once for both gates."""

    frame: Frame
    thumbnail: Luma


RECENT_HIT_S = 60.0
"""A camera keeps its interval this long after a hit when others are stretched."""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """How well one picture is being watched."""

    camera_id: str
    region_id: str | None
    interval_s: float
    spacing_s: float | None
    """Between the last two looks; longer than the interval when captions cannot keep up."""
    unwatched_s: float
    """Total time for which the newest look was older than twice the interval."""
    late_s: float
    """How long a look that is worth a caption has been waiting for its turn."""


class WatchedPicture:
    """Mutable state of one picture. Times are nanoseconds on the monotonic clock."""

    def __init__(self, plan: CameraPlan, region: Region | None, now_ns: int) -> None:
        self.plan = plan
        self.region = region
        self.due_ns = now_ns
        self.in_flight = False
        self.bypass_gates = False
        self.requested = False
        self.waiting_since_ns: int | None = None
        """Since when a look that passed the gates could not be taken; None when none waits."""
        self._hit_ns: int | None = None
        self._captioned_ns: int | None = None
        self._look_ns: int | None = None
        self._spacing_s: float | None = None
        self._last_frame: tuple[str, int] | None = None
        self._last_look: Luma | None = None
        self._last_captioned: Luma | None = None
        self._accounted_ns = now_ns
        self._watched_until_ns = now_ns + 2 * ns(plan.interval_s)
        self._unwatched_ns = 0

    @property
    def key(self) -> tuple[str, str | None]:
        return self.plan.camera_id, self.region.region_id if self.region else None

    def adopt(self, plan: CameraPlan, region: Region | None) -> None:
        """Take a changed plan without forgetting; a shorter interval brings the next look forward."""
        earlier_ns = ns(self.plan.interval_s) - ns(plan.interval_s)
        if region != self.region:
            self._last_look = self._last_captioned = None
        self.plan, self.region = plan, region
        self.due_ns -= max(0, earlier_ns)

    def fresh(self, frame: Frame) -> bool:
        """False for the frame that was looked at last: a camera that stands still is not watched."""
        return (frame.run_id, frame.seq) != self._last_frame

    def is_due(self, now_ns: int) -> bool:
        return not self.in_flight and (self.requested or self.due_ns <= now_ns)

    def reason(self, glimpse: Glimpse, now_ns: int) -> SampleReason | None:
        """Why this frame is worth a caption; None when the gates find it unchanged."""
        if self.requested:
            return SampleReason.REQUESTED
        if self.bypass_gates:
            return SampleReason.INCIDENT
        if self.overdue(now_ns):
            return SampleReason.OVERDUE
        closed = self.plan.gates.closed(
            glimpse.thumbnail,
            last_look=self._last_look,
            last_captioned=self._last_captioned,
        )
        return None if closed else SampleReason.DUE

    def overdue(self, now_ns: int) -> bool:
        """No caption for `max_interval_s`: the floor that no camera falls below."""
        return self._captioned_ns is None or now_ns - self._captioned_ns >= ns(
            self.plan.max_interval_s
        )

    def urgency(self, now_ns: int) -> tuple[int, float]:
        """Sorts first what must be captioned first: class, then how late in units of its own interval."""
        lateness = (now_ns - self.due_ns) / ns(self.plan.interval_s)
        recent_hit = self._hit_ns is not None and now_ns - self._hit_ns < ns(RECENT_HIT_S)
        if self.requested:
            rank = 0
        elif self.overdue(now_ns):
            rank = 1
        elif self.bypass_gates or recent_hit:
            rank = 2
        else:
            rank = 3
        return rank, -lateness

    def take(self, glimpse: Glimpse, reason: SampleReason, now_ns: int) -> Sample:
        """Send the frame off to the captioner."""
        sample = Sample(frame=glimpse.frame, reason=reason, due_mono_ns=min(self.due_ns, now_ns))
        self.in_flight = True
        self.requested = False
        self.waiting_since_ns = None
        self._remember(glimpse)
        self._last_captioned = glimpse.thumbnail
        self._next_turn(now_ns)
        return sample

    def pass_over(self, glimpse: Glimpse, now_ns: int) -> None:
        """The gates found the frame unchanged: a look without a caption."""
        self._remember(glimpse)
        self.waiting_since_ns = None
        self._looked(glimpse.frame, now_ns)
        self._next_turn(now_ns)

    def captioned(self, sample: Sample, now_ns: int) -> None:
        self.in_flight = False
        self._captioned_ns = now_ns
        self._looked(sample.frame, now_ns)

    def failed(self) -> None:
        """The caption did not come about: the picture is as good as never seen, and due at once."""
        self.in_flight = False
        self._last_captioned = None
        self._last_frame = None

    def hit(self, now_ns: int) -> None:
        self._hit_ns = now_ns

    def report(self, now_ns: int) -> WatchReport:
        self._account(now_ns)
        waiting_ns = 0 if self.waiting_since_ns is None else now_ns - self.waiting_since_ns
        camera_id, region_id = self.key
        return WatchReport(
            camera_id=camera_id,
            region_id=region_id,
            interval_s=self.plan.interval_s,
            spacing_s=self._spacing_s,
            unwatched_s=self._unwatched_ns / NS_PER_S,
            late_s=waiting_ns / NS_PER_S,
        )

    def _remember(self, glimpse: Glimpse) -> None:
        self._last_frame = (glimpse.frame.run_id, glimpse.frame.seq)
        self._last_look = glimpse.thumbnail

    def _looked(self, frame: Frame, now_ns: int) -> None:
        self._account(now_ns)
        if self._look_ns is not None:
            self._spacing_s = (frame.captured_mono_ns - self._look_ns) / NS_PER_S
        self._look_ns = frame.captured_mono_ns
        self._watched_until_ns = frame.captured_mono_ns + 2 * ns(self.plan.interval_s)

    def _account(self, now_ns: int) -> None:
        since_ns = max(self._accounted_ns, self._watched_until_ns)
        self._unwatched_ns += max(0, now_ns - since_ns)
        self._accounted_ns = now_ns

    def _next_turn(self, now_ns: int) -> None:
        """Keeps the rhythm while on time; one that came late is due again an interval after its due time, or now."""
        self.due_ns = max(self.due_ns + ns(self.plan.interval_s), now_ns)
