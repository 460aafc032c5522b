"""The due list: asked when the captioner is free, answers with the newest frames that are worth a caption.

Pure: no clock, no thread, no lock. A pull has two halves, so that whoever shares the sampler behind a lock need not
hold it while pixels are worked on: `candidates` -> `Candidate.prepare`, by any thread and without a lock -> `choose`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from surveil.clock import NS_PER_S, Backoff, ns
from surveil.records import Caption, Frame, Luma, Region, Sample, SampleReason, Unchanged
from surveil.scheduling.motion_gate import Gates

WAIT_FOR_FRAME_S = 0.05
"""How soon to ask again for a frame of a camera that is due but has sent nothing new."""
MAX_WAIT_S = 1.0
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 30.0
"""Pauses before a picture whose caption failed is sampled again: doubled each time, and no longer than its interval."""
RECENT_HIT_S = 60.0
"""A camera keeps its interval this long after a hit when others are stretched."""


class FrameStore(Protocol):
    """Where frames are; the frame buffer, in the daemon."""

    def newest(self, camera_id: str) -> Frame | None: ...


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """What the operator wants of one camera: how often it is sampled, and what may be passed over."""

    camera_id: str
    interval_s: float
    """A sample is due this long after the last."""
    max_interval_s: float
    """A caption is made at least this often, whatever the gates say."""
    gates: Gates = field(default_factory=Gates)
    regions: tuple[Region, ...] = ()
    """Empty: the whole picture."""


@dataclass(frozen=True, slots=True)
class Pull:
    """What one pull found."""

    samples: list[Sample] = field(default_factory=list)
    unchanged: list[Unchanged] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WatchReport:
    """How well one picture is being watched."""

    camera_id: str
    region_id: str | None
    interval_s: float
    spacing_s: float | None
    """Between the last two frames that were judged; longer than the interval when captions cannot keep up."""
    unwatched_s: float
    """Total time for which the newest judged frame was older than twice the interval."""
    late_s: float
    """How long a frame that is worth a caption has been waiting for its turn, or for a caption that does not fail."""


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

    def candidates(self, now_ns: int) -> list[Candidate]:
        """Every picture that is due and has a frame to be judged: to be prepared, and given to `choose`."""
        due = (watch for watch in self._pictures.values() if watch.is_due(now_ns))
        found = (watch.candidate(self._frames.newest(watch.plan.camera_id)) for watch in due)
        return [candidate for candidate in found if candidate is not None]

    def choose(self, candidates: Iterable[Candidate], now_ns: int, limit: int) -> Pull:
        """At most `limit` samples, most urgent first, and everything that the gates found unchanged.

        Candidates that somebody else has decided upon since are passed by.
        """
        pull = Pull()
        standing = [candidate for candidate in candidates if self._stands(candidate, now_ns)]
        for candidate in sorted(standing, key=lambda one: one.watch.urgency(now_ns)):
            watch = candidate.watch
            reason = watch.reason(candidate, now_ns)
            if reason is None:
                watch.pass_over(candidate, now_ns)
                pull.unchanged.append(Unchanged(candidate.frame))
            elif len(pull.samples) < limit:
                pull.samples.append(watch.take(candidate, reason, now_ns))
            else:
                watch.hold(candidate, now_ns)
        return pull

    def seconds_to_next(self, now_ns: int) -> float:
        """How long the captioner may sleep before a pull can have something new, 0.05..1 s."""
        free = [watch.due_ns for watch in self._pictures.values() if not watch.in_flight]
        if not free:
            return MAX_WAIT_S
        return min(MAX_WAIT_S, max(WAIT_FOR_FRAME_S, (min(free) - now_ns) / NS_PER_S))

    def captioned(self, sample: Sample, now_ns: int) -> None:
        """The sample's caption is ready."""
        if watch := self._picture_of(sample.frame):
            watch.captioned(sample, now_ns)

    def failed(self, sample: Sample, now_ns: int) -> None:
        """The sample's caption will not come: another is due soon, whatever the interval, however still the scene."""
        if watch := self._picture_of(sample.frame):
            watch.failed(sample, now_ns)

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
                watch.request()

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

    def _stands(self, candidate: Candidate, now_ns: int) -> bool:
        watch = candidate.watch
        known = self._pictures.get(watch.key) is watch and candidate.turn == watch.turn
        return known and watch.is_due(now_ns)

    def _picture_of(self, frame: Frame) -> WatchedPicture | None:
        return self._pictures.get((frame.camera_id, frame.region_id))


@dataclass(slots=True, eq=False)
class Candidate:
    """A picture that is due, and its newest frame, on the way through one pull."""

    watch: WatchedPicture
    """Not touched by `prepare`: it may change meanwhile."""
    turn: int
    gates: Gates
    previous: Luma | None
    last_captioned: Luma | None
    frame: Frame
    region: Region | None
    """What is still to be cut out of the frame."""
    closed: bool | None = None
    """What the gates say; None until prepared."""

    def prepare(self) -> None:
        """Cuts the region, makes the thumbnail, asks the gates: up to a millisecond at 1080p. Twice is once."""
        if self.region is not None:
            self.frame, self.region = self.region.cut(self.frame), None
        if self.closed is None:
            self.closed = self.gates.closed(
                self.frame.thumbnail(),
                previous=self.previous,
                last_captioned=self.last_captioned,
            )


class _Held(NamedTuple):
    """What was found out about a frame that waits for its turn, so that the next pull need not ask again."""

    turn: int
    frame_key: tuple[str, int]
    closed: bool | None
    part: Frame | None
    """Cut out of the frame, where there is a region. A whole frame is left to the buffer, whose memory is bounded."""


class WatchedPicture:
    """Mutable state of one picture. Times are nanoseconds on the monotonic clock."""

    def __init__(self, plan: CameraPlan, region: Region | None, now_ns: int) -> None:
        self.plan = plan
        self.region = region
        self.due_ns = now_ns
        self.in_flight = False
        self.bypass_gates = False
        self.requested = False
        self._retries = Backoff(
            first_s=FIRST_RETRY_S,
            longest_s=max(FIRST_RETRY_S, min(LONGEST_RETRY_S, plan.interval_s)),
            jitter=0.0,
        )
        self._failing_since_ns: int | None = None
        """Since when captions of this picture fail; None when the last one did not."""
        self.turn = 0
        """Grows with everything that a judgement of the gates depends on."""
        self._waiting_since_ns: int | None = None
        """Since when a frame that passed the gates could not be taken; None when none waits."""
        self._held: _Held | None = None
        self._hit_ns: int | None = None
        self._captioned_ns: int | None = None
        self._watched_ns: int | None = None
        self._spacing_s: float | None = None
        self._last_frame: tuple[str, int] | None = None
        self._previous: Luma | None = None
        self._last_captioned: Luma | None = None
        self._accounted_ns = now_ns
        self._watched_until_ns = now_ns + 2 * ns(plan.interval_s)
        self._unwatched_ns = 0

    @property
    def key(self) -> tuple[str, str | None]:
        return self.plan.camera_id, self.region.region_id if self.region else None

    def adopt(self, plan: CameraPlan, region: Region | None) -> None:
        """Take a changed plan without forgetting; a shorter interval brings the next sample forward."""
        earlier_ns = ns(self.plan.interval_s) - ns(plan.interval_s)
        if region != self.region:
            self._previous = self._last_captioned = None
        self.plan, self.region = plan, region
        self.due_ns -= max(0, earlier_ns)
        self._end_turn()

    def is_due(self, now_ns: int) -> bool:
        return not self.in_flight and (self.requested or self.due_ns <= now_ns)

    def request(self) -> None:
        """Somebody wants a caption: also of a picture whose captions fail, and without its pause."""
        self.requested = True

    def candidate(self, newest: Frame | None) -> Candidate | None:
        """None where there is no frame, or the one judged last and nobody asks again: a camera that stands still is not
        watched."""
        if newest is None:
            self._waiting_since_ns = self._failing_since_ns = None  # what waited is gone
            return None
        if not self.requested and _key(newest) == self._last_frame:
            return None
        candidate = Candidate(
            watch=self,
            turn=self.turn,
            gates=self.plan.gates,
            previous=self._previous,
            last_captioned=self._last_captioned,
            frame=newest,
            region=self.region,
        )
        held = self._held
        if held is not None and (held.turn, held.frame_key) == (self.turn, _key(newest)):
            candidate.closed = held.closed
            if held.part is not None:
                candidate.frame, candidate.region = held.part, None
        return candidate

    def reason(self, candidate: Candidate, now_ns: int) -> SampleReason | None:
        """Why this frame is worth a caption; None when the gates find it unchanged."""
        if self.requested:
            return SampleReason.REQUESTED
        if self.bypass_gates:
            return SampleReason.INCIDENT
        if self.overdue(now_ns):
            return SampleReason.OVERDUE
        return None if candidate.closed else SampleReason.DUE

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

    def take(self, candidate: Candidate, reason: SampleReason, now_ns: int) -> Sample:
        """Send the frame off to the captioner."""
        frame = candidate.frame
        sample = Sample(frame=frame, reason=reason, due_mono_ns=min(self.due_ns, now_ns))
        self.in_flight = True
        self.requested = False
        self._last_captioned = frame.thumbnail()
        self._judged(frame, now_ns)
        return sample

    def pass_over(self, candidate: Candidate, now_ns: int) -> None:
        """The gates found the frame unchanged: it is watched without a caption."""
        self._watched(candidate.frame, now_ns)
        self._judged(candidate.frame, now_ns)

    def hold(self, candidate: Candidate, now_ns: int) -> None:
        """There is no room for the frame now; it waits, until there is or a newer one comes."""
        if self._waiting_since_ns is None:
            self._waiting_since_ns = now_ns
        part = candidate.frame if self.region else None
        self._held = _Held(self.turn, _key(candidate.frame), candidate.closed, part)

    def captioned(self, sample: Sample, now_ns: int) -> None:
        self.in_flight = False
        self._failing_since_ns = None
        self._retries.reset()
        self._captioned_ns = now_ns
        self._watched(sample.frame, now_ns)

    def failed(self, sample: Sample, now_ns: int) -> None:
        """The caption did not come about: the picture is as good as never seen, and due again after a short pause."""
        self.in_flight = False
        if self._failing_since_ns is None:
            self._failing_since_ns = min(sample.due_mono_ns, now_ns)
        self._previous = self._last_captioned = None
        self._last_frame = None
        self.due_ns = now_ns + ns(self._retries.next_s())
        self._end_turn()

    def hit(self, now_ns: int) -> None:
        self._hit_ns = now_ns

    def report(self, now_ns: int) -> WatchReport:
        self._account(now_ns)
        waits = [w for w in (self._waiting_since_ns, self._failing_since_ns) if w is not None]
        waiting_ns = now_ns - min(waits, default=now_ns)
        camera_id, region_id = self.key
        return WatchReport(
            camera_id=camera_id,
            region_id=region_id,
            interval_s=self.plan.interval_s,
            spacing_s=self._spacing_s,
            unwatched_s=self._unwatched_ns / NS_PER_S,
            late_s=waiting_ns / NS_PER_S,
        )

    def _judged(self, frame: Frame, now_ns: int) -> None:
        """Keeps the rhythm while on time; one that came late is due again an interval after its due time, or now."""
        self._last_frame = _key(frame)
        self._previous = frame.thumbnail()
        self._waiting_since_ns = None
        self.due_ns = max(self.due_ns + ns(self.plan.interval_s), now_ns)
        self._end_turn()

    def _end_turn(self) -> None:
        self.turn += 1
        self._held = None

    def _watched(self, frame: Frame, now_ns: int) -> None:
        self._account(now_ns)
        if self._watched_ns is not None:
            self._spacing_s = (frame.captured_mono_ns - self._watched_ns) / NS_PER_S
        self._watched_ns = frame.captured_mono_ns
        self._watched_until_ns = frame.captured_mono_ns + 2 * ns(self.plan.interval_s)

    def _account(self, now_ns: int) -> None:
        since_ns = max(self._accounted_ns, self._watched_until_ns)
        self._unwatched_ns += max(0, now_ns - since_ns)
        self._accounted_ns = now_ns


def _key(frame: Frame) -> tuple[str, int]:
    return frame.run_id, frame.seq
