"""The due list: asked when the captioner is free, answers with the newest frames that are worth a caption."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from surveil.clock import NS_PER_S
from surveil.records import Caption, Frame, Look, Unchanged
from surveil.sampling.gates import thumbnail
from surveil.sampling.plan import CameraPlan, Region
from surveil.sampling.watch import Glimpse, Watch, WatchReport

WAIT_FOR_FRAME_S = 0.05
"""How soon to look again for a frame of a camera that is due but has sent nothing new."""
MAX_WAIT_S = 1.0


class FrameStore(Protocol):
    """Where frames are; the ring buffer, in the daemon."""

    def newest(self, camera_id: str) -> Frame | None: ...


@dataclass(frozen=True, slots=True)
class Pull:
    """What one call of `Sampler.pull` found."""

    looks: list[Look] = field(default_factory=list)
    unchanged: list[Unchanged] = field(default_factory=list)


class Sampler:
    """Chooses frames, fairly, under a capacity that is not known in advance.

    When more is worth a caption than the captioner can take, order is: what was asked for; what had no caption for its
    `max_interval` (each camera's floor); what has an incident or had a hit in the last minute; the rest by lateness in
    units of its own interval, so that all are stretched alike.
    """

    def __init__(self, frames: FrameStore) -> None:
        self._frames = frames
        self._watches: dict[tuple[str, str | None], Watch] = {}

    def set_plans(self, plans: Iterable[CameraPlan], now_ns: int) -> None:
        """Replace the plans; what stays keeps its state."""
        watches: dict[tuple[str, str | None], Watch] = {}
        for plan in plans:
            for region in plan.regions or (None,):
                watch = self._adopted(plan, region, now_ns)
                watches[watch.key] = watch
        self._watches = watches

    def pull(self, now_ns: int, limit: int) -> Pull:
        """At most `limit` looks, most urgent first, and every due look that the gates found unchanged."""
        found = Pull()
        due = [watch for watch in self._watches.values() if watch.is_due(now_ns)]
        for watch in sorted(due, key=lambda watch: watch.urgency(now_ns)):
            frame = self._frame(watch)
            if frame is None:
                continue
            glimpse = Glimpse(frame, thumbnail(frame.picture))
            reason = watch.reason(glimpse, now_ns)
            if reason is None:
                watch.pass_over(glimpse, now_ns)
                found.unchanged.append(Unchanged(frame))
            elif len(found.looks) < limit:
                found.looks.append(watch.take(glimpse, reason, now_ns))
            elif watch.waiting_since_ns is None:
                watch.waiting_since_ns = now_ns
        return found

    def seconds_to_next(self, now_ns: int) -> float:
        """How long the captioner may sleep before `pull` can have something new, 0.05..1 s."""
        free = [watch.due_ns for watch in self._watches.values() if not watch.in_flight]
        if not free:
            return MAX_WAIT_S
        return min(MAX_WAIT_S, max(WAIT_FOR_FRAME_S, (min(free) - now_ns) / NS_PER_S))

    def captioned(self, look: Look, now_ns: int) -> None:
        """The look's caption is ready."""
        if watch := self._watch_of(look.frame):
            watch.captioned(look, now_ns)

    def failed(self, look: Look) -> None:
        """The look's caption will not come."""
        if watch := self._watch_of(look.frame):
            watch.failed()

    def hit(self, caption: Caption, now_ns: int) -> None:
        """A rule matched: the camera keeps its interval for a minute."""
        if watch := self._watch_of(caption.frame):
            watch.hit(now_ns)

    def set_attention(self, camera_id: str, region_id: str | None, *, on: bool) -> None:
        """An incident is open or half confirmed: the gates are bypassed until it is not."""
        if watch := self._watches.get((camera_id, region_id)):
            watch.attention = on

    def request(self, camera_id: str) -> None:
        """Caption the camera's newest frame (each of its regions) as soon as possible."""
        for watch in self._watches.values():
            if watch.plan.camera_id == camera_id:
                watch.requested = True

    def report(self, now_ns: int) -> list[WatchReport]:
        """How well each picture is being watched."""
        return [watch.report(now_ns) for watch in self._watches.values()]

    def _adopted(self, plan: CameraPlan, region: Region | None, now_ns: int) -> Watch:
        key = (plan.camera_id, region.region_id if region else None)
        watch = self._watches.get(key)
        if watch is None:
            return Watch(plan, region, now_ns)
        watch.adopt(plan, region)
        return watch

    def _frame(self, watch: Watch) -> Frame | None:
        """The newest frame of the watch's picture, unless it was looked at already and nobody asks again."""
        frame = self._frames.newest(watch.plan.camera_id)
        if frame is None or not (watch.requested or watch.fresh(frame)):
            return None
        return watch.region.cut(frame) if watch.region else frame

    def _watch_of(self, frame: Frame) -> Watch | None:
        return self._watches.get((frame.camera_id, frame.region_id))
