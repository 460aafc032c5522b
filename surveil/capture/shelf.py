"""A byte-capped store that many cameras share fairly. Pure; whoever shares it between threads locks around it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Item(Protocol):
    """What can be kept: it has a size and a moment."""

    @property
    def nbytes(self) -> int: ...
    @property
    def captured_mono_ns(self) -> int: ...


ItemT = TypeVar("ItemT", bound=Item)


@dataclass(slots=True)
class Lane(Generic[ItemT]):
    """One camera's part of the shelf, oldest first."""

    items: deque[ItemT] = field(default_factory=deque)
    nbytes: int = 0
    dropped_total: int = 0
    """Pushed out, or never let in, for want of room."""
    expired_total: int = 0
    """Left because they were older than the shelf keeps things."""


class Shelf(Generic[ItemT]):
    """Never holds more than `max_bytes`. Room is made by dropping the oldest of the lane that holds the most.

    A lane's newest item goes only when every lane is down to its newest; then the stalest of them goes.
    """

    def __init__(self, max_bytes: int, *, keep_ns: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._lanes: dict[str, Lane[ItemT]] = {}
        self._keep_ns = keep_ns

    def open(self, name: str) -> None:
        """Let items of this name in."""
        self._lanes.setdefault(name, Lane())

    def names(self) -> set[str]:
        return set(self._lanes)

    def remove(self, name: str) -> None:
        """Forget a lane and everything in it."""
        lane = self._lanes.pop(name, None)
        if lane is not None:
            self.nbytes -= lane.nbytes

    def put(self, name: str, item: ItemT) -> bool:
        """False for an unknown name; False, and counted as dropped, when the item may not stay."""
        lane = self._lanes.get(name)
        if lane is None:
            return False
        self._expire(lane, item.captured_mono_ns - self._keep_ns)
        stays = self._follows(lane, item) and item.nbytes <= self.max_bytes
        while stays and self.nbytes + item.nbytes > self.max_bytes:
            self._drop_oldest(self._victim(lane, item.nbytes))
            stays = self._follows(lane, item)
        if stays:
            lane.items.append(item)
            lane.nbytes += item.nbytes
            self.nbytes += item.nbytes
        else:
            lane.dropped_total += 1
        return stays

    def newest(self, name: str) -> ItemT | None:
        lane = self._lanes.get(name)
        return lane.items[-1] if lane and lane.items else None

    def items(self, name: str) -> list[ItemT]:
        """Oldest first."""
        lane = self._lanes.get(name)
        return list(lane.items) if lane else []

    def dropped_total(self, name: str) -> int:
        lane = self._lanes.get(name)
        return lane.dropped_total if lane else 0

    def expired_total(self, name: str) -> int:
        lane = self._lanes.get(name)
        return lane.expired_total if lane else 0

    def _follows(self, lane: Lane[ItemT], item: ItemT) -> bool:
        """Whether the item may come after what the lane holds: never back in time."""
        return not lane.items or item.captured_mono_ns >= lane.items[-1].captured_mono_ns

    def _take_oldest(self, lane: Lane[ItemT]) -> int:
        """Takes the oldest that can be taken alone; returns how many items that were."""
        nbytes = lane.items.popleft().nbytes
        lane.nbytes -= nbytes
        self.nbytes -= nbytes
        return 1

    def _expire(self, lane: Lane[ItemT], before_mono_ns: int) -> None:
        while lane.items and lane.items[0].captured_mono_ns < before_mono_ns:
            lane.expired_total += self._take_oldest(lane)

    def _drop_oldest(self, lane: Lane[ItemT]) -> None:
        lane.dropped_total += self._take_oldest(lane)

    def _victim(self, entering: Lane[ItemT], entering_bytes: int) -> Lane[ItemT]:
        """The lane that is to give up its oldest. The entering item counts as the newest of its lane."""
        spare = [lane for lane in self._lanes.values() if len(lane.items) > (lane is not entering)]
        if spare:
            return max(spare, key=lambda lane: lane.nbytes + entering_bytes * (lane is entering))
        full = (lane for lane in self._lanes.values() if lane.items)
        return min(full, key=lambda lane: lane.items[-1].captured_mono_ns)
