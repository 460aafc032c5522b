"""The bounded buffer: the last frames of every camera, and the packets they came from, under one cap in bytes.

Pure but for a lock: it reads no clock and does no input or output; time is what the frames say it is. It stores and
never decodes: see `CaptureSupervisor.frames_between`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Generic, Protocol, TypeVar

from surveil.clock import ns
from surveil.records import Frame, Problem

OVERHEAD_BYTES = 320
"""A packet's object, its integers and its bytes' header; at a quiet night's 300-byte packets it is half of the cost."""
PACKET_SHARE = 4
"""One part in this many of the cap is for packets, which are some fifty times smaller than pictures."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a decoder or a muxer must know before the first packet."""

    codec: str
    """FFmpeg's name: `h264`, `hevc`, `mjpeg` ..."""
    width_px: int
    height_px: int
    time_base: Fraction
    extradata: bytes | None = field(default=None, repr=False)
    pix_fmt: str | None = None
    """Layout of the pixels, where the stream says it; a must for uncompressed ones."""
    nominal_fps: float | None = None
    """What the stream claims."""


@dataclass(frozen=True, slots=True, eq=False)
class StreamPacket:
    """One encoded picture, as plain bytes: it outlives its connection, and holds none of it open."""

    camera_id: str
    run_id: str
    seq: int
    """Same count as `Frame.seq`, in order of arrival."""
    captured_mono_ns: int
    captured_unix_ms: int
    pts: int | None
    """In units of `stream.time_base`; grows with the order of showing."""
    dts: int | None
    """In units of `stream.time_base`; grows with the order of arrival."""
    is_key: bool
    data: bytes = field(repr=False)
    stream: StreamInfo = field(repr=False)

    @property
    def nbytes(self) -> int:
        """With what Python needs around the bytes."""
        return len(self.data) + OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to put one camera's frames and packets, until the next lease of that camera or its removal."""

    camera_id: str
    generation: int


class FrameBuffer:
    """Any thread. What comes under a lease that has ended, or was never given, is refused."""

    name = "frame-buffer"

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
        self._leases: dict[str, Lease] = {}
        self._generation = 0
        self._refused_total = 0
        self._gone_dropped_total = 0
        """Drops of cameras that were removed since."""
        self._too_large: dict[str, Frame] = {}
        """The first frame of each camera that the cap cannot hold at all."""

    def lease(self, camera_id: str) -> Lease:
        """Let the camera in, and nothing more from whoever held its lease before. What is stored stays."""
        with self._lock:
            self._generation += 1
            lease = self._leases[camera_id] = Lease(camera_id, self._generation)
            self._frames.open(camera_id)
            self._packets.open(camera_id)
            return lease

    def remove_camera(self, camera_id: str) -> None:
        """End the camera's lease, and forget it with its frames, packets and counts."""
        with self._lock:
            self._leases.pop(camera_id, None)
            self._too_large.pop(camera_id, None)
            self._gone_dropped_total += self._frames.dropped_total(camera_id)
            self._frames.remove(camera_id)
            self._packets.remove(camera_id)

    def cameras(self) -> set[str]:
        """Those that are let in."""
        with self._lock:
            return set(self._leases)

    def put(self, frame: Frame, lease: Lease) -> bool:
        """True when the frame is in. One that is older than the camera's newest, or larger than the cap, is dropped."""
        with self._lock:
            if not self._holds(lease, frame.camera_id):
                return False
            if frame.nbytes > self._frames.max_bytes:
                self._too_large.setdefault(frame.camera_id, frame)
            else:
                self._too_large.pop(frame.camera_id, None)
            return self._frames.put(frame.camera_id, frame)

    def put_packet(self, packet: StreamPacket, lease: Lease) -> bool:
        """True when the packet is in. One whose keyframe is not held is refused: it could never be decoded."""
        with self._lock:
            if not self._holds(lease, packet.camera_id):
                return False
            return self._packets.put(packet.camera_id, packet)

    def newest(self, camera_id: str) -> Frame | None:
        """The camera's last frame, however old it is."""
        with self._lock:
            return self._frames.newest(camera_id)

    def stored_between(self, camera_id: str, from_mono_ns: int, to_mono_ns: int) -> list[Frame]:
        """Frames that are held as pictures, captured in the time, both ends included, oldest first."""
        with self._lock:
            return self._frames.between(camera_id, from_mono_ns, to_mono_ns)

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

    def problems(self) -> Sequence[Problem]:
        """Cameras of which not even one picture fits."""
        with self._lock:
            too_large = list(self._too_large.values())
        return [
            Problem(
                code="buffer_small",
                text=f"a picture of camera {frame.camera_id} takes {frame.nbytes} bytes, and the buffer has "
                f"{self._frames.max_bytes} for pictures",
                since_unix_ms=frame.captured_unix_ms,
                remedy="set `memory: ring:` higher, or use its substream",
            )
            for frame in too_large
        ]

    def counters(self) -> Mapping[str, float]:
        """`refused_total`: what sessions tried to put after their lease had ended."""
        with self._lock:
            dropped = sum(map(self._frames.dropped_total, self._leases))
            return {
                "bytes_held": self._frames.nbytes + self._packets.nbytes,
                "frames_dropped_total": self._gone_dropped_total + dropped,
                "refused_total": self._refused_total,
            }

    def _holds(self, lease: Lease, camera_id: str) -> bool:
        valid = lease.camera_id == camera_id and self._leases.get(camera_id) == lease
        self._refused_total += not valid
        return valid


class Item(Protocol):
    """What can be kept: it has a size and a moment."""

    @property
    def nbytes(self) -> int: ...
    @property
    def captured_mono_ns(self) -> int: ...


ItemT = TypeVar("ItemT", bound=Item)


@dataclass(slots=True)
class CameraQueue(Generic[ItemT]):
    """What is held under one name, oldest first."""

    items: deque[ItemT] = field(default_factory=deque)
    nbytes: int = 0
    dropped_total: int = 0
    """Pushed out, or never let in, for want of room."""


class BoundedBuffer(Generic[ItemT]):
    """Never holds more than `max_bytes`. Room is made by dropping the oldest of the name that holds the most.

    A name's newest item goes only when every name is down to its newest; then the stalest of them goes.
    """

    def __init__(self, max_bytes: int, *, keep_ns: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._queues: dict[str, CameraQueue[ItemT]] = {}
        self._keep_ns = keep_ns

    def open(self, name: str) -> None:
        """Let items of this name in."""
        self._queues.setdefault(name, CameraQueue())

    def remove(self, name: str) -> None:
        """Forget a name and everything under it."""
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

    def _follows(self, queue: CameraQueue[ItemT], item: ItemT) -> bool:
        """Whether the item may come after what the queue holds: never back in time."""
        return not queue.items or item.captured_mono_ns >= queue.items[-1].captured_mono_ns

    def _take_oldest(self, queue: CameraQueue[ItemT]) -> int:
        """Takes the oldest that can be taken alone; returns how many items that were."""
        nbytes = queue.items.popleft().nbytes
        queue.nbytes -= nbytes
        self.nbytes -= nbytes
        return 1

    def _expire(self, queue: CameraQueue[ItemT], before_mono_ns: int) -> None:
        while queue.items and queue.items[0].captured_mono_ns < before_mono_ns:
            self._take_oldest(queue)

    def _drop_oldest(self, queue: CameraQueue[ItemT]) -> None:
        queue.dropped_total += self._take_oldest(queue)

    def _victim(self, entering: CameraQueue[ItemT], entering_bytes: int) -> CameraQueue[ItemT]:
        """The queue that is to give up its oldest. The entering item counts as the newest of its own."""
        spare = [
            queue for queue in self._queues.values() if len(queue.items) > (queue is not entering)
        ]
        if spare:
            return max(spare, key=lambda queue: queue.nbytes + entering_bytes * (queue is entering))
        full = (queue for queue in self._queues.values() if queue.items)
        return min(full, key=lambda queue: queue.items[-1].captured_mono_ns)


class BoundedFrames(BoundedBuffer[Frame]):
    """Frames in the order of capture; within one connection also of `seq`."""

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
            self._take_oldest(queue)
