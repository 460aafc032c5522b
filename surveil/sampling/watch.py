"""What the sampler remembers of one watched picture: a camera, or one region of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from surveil.clock import NS_PER_S, ns
from surveil.records import Frame, Look, LookReason, Luma
from surveil.sampling.plan import CameraPlan, Region


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


class Watch:
    """Mutable state of one picture. Times are nanoseconds on the monotonic clock."""

    def __init__(self, plan: CameraPlan, region: Region | None, now_ns: int) -> None:
        self.plan = plan
        self.region = region
        self.due_ns = now_ns
        self.in_flight = False
        self.attention = False
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

    def reason(self, glimpse: Glimpse, now_ns: int) -> LookReason | None:
        """Why this frame is worth a caption; None when the gates find it unchanged."""
        if self.requested:
            return LookReason.REQUESTED
        if self.attention:
            return LookReason.INCIDENT
        if self.overdue(now_ns):
            return LookReason.OVERDUE
        closed = self.plan.gates.closed(
            glimpse.thumbnail,
            last_look=self._last_look,
            last_captioned=self._last_captioned,
        )
        return None if closed else LookReason.DUE

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
        elif self.attention or recent_hit:
            rank = 2
        else:
            rank = 3
        return rank, -lateness

    def take(self, glimpse: Glimpse, reason: LookReason, now_ns: int) -> Look:
        """Send the frame off to the captioner."""
        look = Look(frame=glimpse.frame, reason=reason, due_mono_ns=min(self.due_ns, now_ns))
        self.in_flight = True
        self.requested = False
        self.waiting_since_ns = None
        self._remember(glimpse)
        self._last_captioned = glimpse.thumbnail
        self._next_turn(now_ns)
        return look

    def pass_over(self, glimpse: Glimpse, now_ns: int) -> None:
        """The gates found the frame unchanged: a look without a caption."""
        self._remember(glimpse)
        self.waiting_since_ns = None
        self._looked(glimpse.frame, now_ns)
        self._next_turn(now_ns)

    def captioned(self, look: Look, now_ns: int) -> None:
        self.in_flight = False
        self._captioned_ns = now_ns
        self._looked(look.frame, now_ns)

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
