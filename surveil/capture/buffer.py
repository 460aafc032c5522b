"""The ring: the last frames of every camera, and the undecoded packets they came from, under one cap in bytes.

Pure but for a lock: it reads no clock and does no input or output; time is what the frames say it is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Generic, Protocol, TypeVar

from surveil.capture.packets import PacketDecoder, StreamPacket
from surveil.clock import ns
from surveil.records import Frame


class Item(Protocol):
    """What can be kept: it has a size and a moment."""

    @property
    def nbytes(self) -> int: ...
    @property
    def captured_mono_ns(self) -> int: ...


ItemT = TypeVar("ItemT", bound=Item)


@dataclass(slots=True)
class CameraQueue(Generic[ItemT]):
    """One camera's part of the shelf, oldest first."""

    items: deque[ItemT] = field(default_factory=deque)
    nbytes: int = 0
    dropped_total: int = 0
    """Pushed out, or never let in, for want of room."""
    expired_total: int = 0
    """Left because they were older than the shelf keeps things."""


class BoundedBuffer(Generic[ItemT]):
    """Never holds more than `max_bytes`. Room is made by dropping the oldest of the lane that holds the most.

    A lane's newest item goes only when every lane is down to its newest; then the stalest of them goes.
    """

    def __init__(self, max_bytes: int, *, keep_ns: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._queues: dict[str, CameraQueue[ItemT]] = {}
        self._keep_ns = keep_ns

    def open(self, name: str) -> None:
        """Let items of this name in."""
        self._queues.setdefault(name, CameraQueue())

    def names(self) -> set[str]:
        return set(self._queues)

    def remove(self, name: str) -> None:
        """Forget a lane and everything in it."""
        queue = self._queues.pop(name, None)
        if queue is not None:
            self.nbytes -= queue.nbytes

    def put(self, name: str, item: ItemT) -> bool:
        """False for an unknown name; False, and counted as dropped, when the item may not stay."""
        queue = self._queues.get(name)
        if queue is None:
            return False
        self._expire(queue, item.captured_mono_ns - self._keep_ns)
        stays = self._follows(queue, item) and item.nbytes <= self.max_bytes
        while stays and self.nbytes + item.nbytes > self.max_bytes:
            self._drop_oldest(self._victim(queue, item.nbytes))
            stays = self._follows(queue, item)
        if stays:
            queue.items.append(item)
            queue.nbytes += item.nbytes
            self.nbytes += item.nbytes
        else:
            queue.dropped_total += 1
        return stays

    def newest(self, name: str) -> ItemT | None:
        queue = self._queues.get(name)
        return queue.items[-1] if queue and queue.items else None

    def items(self, name: str) -> list[ItemT]:
        """Oldest first."""
        queue = self._queues.get(name)
        return list(queue.items) if queue else []

    def dropped_total(self, name: str) -> int:
        queue = self._queues.get(name)
        return queue.dropped_total if queue else 0

    def expired_total(self, name: str) -> int:
        queue = self._queues.get(name)
        return queue.expired_total if queue else 0

    def _follows(self, queue: CameraQueue[ItemT], item: ItemT) -> bool:
        """Whether the item may come after what the lane holds: never back in time."""
        return not queue.items or item.captured_mono_ns >= queue.items[-1].captured_mono_ns

    def _take_oldest(self, queue: CameraQueue[ItemT]) -> int:
        """Takes the oldest that can be taken alone; returns how many items that were."""
        nbytes = queue.items.popleft().nbytes
        queue.nbytes -= nbytes
        self.nbytes -= nbytes
        return 1

    def _expire(self, queue: CameraQueue[ItemT], before_mono_ns: int) -> None:
        while queue.items and queue.items[0].captured_mono_ns < before_mono_ns:
            queue.expired_total += self._take_oldest(queue)

    def _drop_oldest(self, queue: CameraQueue[ItemT]) -> None:
        queue.dropped_total += self._take_oldest(queue)

    def _victim(self, entering: CameraQueue[ItemT], entering_bytes: int) -> CameraQueue[ItemT]:
        """The lane that is to give up its oldest. The entering item counts as the newest of its lane."""
        spare = [
            queue for queue in self._queues.values() if len(queue.items) > (queue is not entering)
        ]
        if spare:
            return max(spare, key=lambda queue: queue.nbytes + entering_bytes * (queue is entering))
        full = (queue for queue in self._queues.values() if queue.items)
        return min(full, key=lambda queue: queue.items[-1].captured_mono_ns)


PACKET_SHARE = 4
"""One part in this many of the cap is for packets, which are some fifty times smaller than pictures."""


class FrameBuffer:
    """Any thread. What comes from a camera that was not added, or was removed, is refused."""

    def __init__(
        self,
        max_bytes: int,
        *,
        packet_bytes: int | None = None,
        keep_s: float = 4.0,
        packet_keep_s: float = 30.0,
    ) -> None:
        """`max_bytes` is for everything together, `packet_bytes` of them for packets.

        Frames older than `keep_s` and packets older than `packet_keep_s`, reckoned from the camera's newest, leave even
        when there is room: the memory is of more use to the machine.
        """
        share = max_bytes // PACKET_SHARE if packet_bytes is None else packet_bytes
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._frames = BoundedFrames(max_bytes - share, keep_ns=ns(keep_s))
        self._packets = BoundedPackets(share, keep_ns=ns(packet_keep_s))
        self._decoder: PacketDecoder | None = None

    def use_decoder(self, decoder: PacketDecoder) -> None:
        """What turns packets into frames for `frames_between`; without one, only stored frames are found."""
        self._decoder = decoder

    def add_camera(self, camera_id: str) -> None:
        """Let the camera in; a second time changes nothing."""
        with self._lock:
            self._frames.open(camera_id)
            self._packets.open(camera_id)

    def remove_camera(self, camera_id: str) -> None:
        """Forget the camera with its frames, packets and counts."""
        with self._lock:
            self._frames.remove(camera_id)
            self._packets.remove(camera_id)

    def cameras(self) -> set[str]:
        """Those that are let in."""
        with self._lock:
            return self._frames.names()

    def put(self, frame: Frame) -> bool:
        """True when the frame is in. One that is older than the camera's newest, or larger than the cap, is dropped."""
        with self._lock:
            return self._frames.put(frame.camera_id, frame)

    def put_packet(self, packet: StreamPacket) -> bool:
        """True when the packet is in. One whose keyframe is not held is refused: it could never be decoded."""
        with self._lock:
            return self._packets.put(packet.camera_id, packet)

    def newest(self, camera_id: str) -> Frame | None:
        """The camera's last frame, however old it is."""
        with self._lock:
            return self._frames.newest(camera_id)

    def frames_between(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> list[Frame]:
        """Every frame captured in the time, both ends included, oldest first; decoded from packets where need be.

        Decoding takes 1 to 3 ms a 1080p frame in the caller's thread, beginning at the keyframe before the time, and
        each frame holds 3.1 MB outside the ring: ask for seconds, not minutes.
        """
        with self._lock:
            stored = self._frames.between(camera_id, from_mono_ns, to_mono_ns)
            packets = self._packets.between(camera_id, from_mono_ns, to_mono_ns)
        found = {(frame.run_id, frame.seq): frame for frame in stored}
        for frame in self._decoded(packets):
            if from_mono_ns <= frame.captured_mono_ns <= to_mono_ns:
                found.setdefault((frame.run_id, frame.seq), frame)
        return sorted(found.values(), key=lambda frame: frame.captured_mono_ns)

    def packets_between(
        self, camera_id: str, from_mono_ns: int, to_mono_ns: int
    ) -> list[StreamPacket]:
        """Packets that are needed to show the time: from the keyframe before it, or the first after."""
        with self._lock:
            return self._packets.between(camera_id, from_mono_ns, to_mono_ns)

    def last_gop(self, camera_id: str) -> list[StreamPacket]:
        """The packets from the last keyframe on."""
        with self._lock:
            return self._packets.last_gop(camera_id)

    @property
    def bytes_held(self) -> int:
        """Of frames and packets; never more than `max_bytes`."""
        with self._lock:
            return self._frames.nbytes + self._packets.nbytes

    def dropped_total(self, camera_id: str) -> int:
        """Frames that were put and did not get to stay for `keep_s`, for want of room or because they came late."""
        with self._lock:
            return self._frames.dropped_total(camera_id)

    def _decoded(self, packets: Sequence[StreamPacket]) -> Iterator[Frame]:
        if self._decoder is None:
            return
        for run in _runs(packets):
            yield from self._decoder.decode(run)


class BoundedFrames(BoundedBuffer[Frame]):
    """Frames in the order of capture; within one run also of `seq`."""

    def between(self, name: str, from_mono_ns: int, to_mono_ns: int) -> list[Frame]:
        return [
            frame
            for frame in self.items(name)
            if from_mono_ns <= frame.captured_mono_ns <= to_mono_ns
        ]

    def _follows(self, queue: CameraQueue[Frame], item: Frame) -> bool:
        newest = queue.items[-1] if queue.items else None
        again = newest and newest.run_id == item.run_id and item.seq <= newest.seq
        return not again and super()._follows(queue, item)


class BoundedPackets(BoundedBuffer[StreamPacket]):
    """Packets in the order of arrival. A keyframe and what builds on it leave together: alone they are of no use."""

    def between(self, name: str, from_mono_ns: int, to_mono_ns: int) -> list[StreamPacket]:
        """From the last keyframe at or before the start (else the first after it) to the end."""
        packets = [p for p in self.items(name) if p.captured_mono_ns <= to_mono_ns]
        first = 0
        for index, packet in enumerate(packets):
            if packet.is_key and packet.captured_mono_ns <= from_mono_ns:
                first = index
        return packets[first:]

    def last_gop(self, name: str) -> list[StreamPacket]:
        packets = self.items(name)
        starts = (index for index in reversed(range(len(packets))) if packets[index].is_key)
        return packets[next(starts, 0) :]

    def _follows(self, queue: CameraQueue[StreamPacket], item: StreamPacket) -> bool:
        if not item.is_key and (not queue.items or queue.items[-1].run_id != item.run_id):
            return False
        return super()._follows(queue, item)

    def _take_oldest(self, queue: CameraQueue[StreamPacket]) -> int:
        taken = super()._take_oldest(queue)
        while queue.items and not queue.items[0].is_key:
            taken += super()._take_oldest(queue)
        return taken

    def _expire(self, queue: CameraQueue[StreamPacket], before_mono_ns: int) -> None:
        """A group stays as long as one of its packets is young enough: they need its keyframe."""
        while queue.items and queue.items[0].captured_mono_ns < before_mono_ns:
            second = next((p for p in islice(queue.items, 1, None) if p.is_key), None)
            if second is None or second.captured_mono_ns >= before_mono_ns:
                return
            queue.expired_total += self._take_oldest(queue)


def _runs(packets: Sequence[StreamPacket]) -> Iterator[list[StreamPacket]]:
    """Split where the connection changed: a decoder cannot go on from one to the next."""
    for _, run in groupby(packets, key=lambda packet: packet.run_id):
        yield list(run)
