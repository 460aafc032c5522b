"""The bounded buffer: never over its cap, never torn or reordered, everything that leaves it counted."""

from __future__ import annotations

import threading
from fractions import Fraction

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from surveil.capture.buffer import FrameBuffer, Lease, StreamInfo, StreamPacket
from surveil.clock import ns
from surveil.records import Frame
from tests.fakes import flat_picture, make_frame

INFO = StreamInfo("h264", 64, 48, Fraction(1, 1000))
CAMERAS = ("yard", "door", "gate")
FRAME_BYTES = flat_picture().nbytes


def frame_at(camera_id: str, seq: int, at_s: float, *, run_id: str = "run-1") -> Frame:
    return make_frame(camera_id, seq=seq, mono_ns=ns(at_s), run_id=run_id)


def packet_at(
    camera_id: str,
    seq: int,
    at_s: float,
    *,
    key: bool = False,
    size: int = 100,
    run_id: str = "run-1",
) -> StreamPacket:
    return StreamPacket(
        camera_id=camera_id,
        run_id=run_id,
        seq=seq,
        captured_mono_ns=ns(at_s),
        captured_unix_ms=0,
        pts=seq,
        dts=seq,
        is_key=key,
        data=bytes(size),
        stream=INFO,
    )


class BufferMachine(RuleBasedStateMachine):
    """Puts frames of several sizes from several cameras, under leases new and old, and checks after each step what must
    always hold."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = FrameBuffer(
            20 * FRAME_BYTES, packet_bytes=8_000, keep_s=1e6, packet_keep_s=1e6
        )
        self.now_s = 0.0
        self.put: dict[str, list[Frame]] = {}
        self.leases: dict[str, Lease] = {}
        self.ended: list[Lease] = []
        self.refused = 0
        self.seq = 0

    @rule(camera=st.sampled_from(CAMERAS))
    def lease(self, camera: str) -> None:
        """A session takes over; what is stored stays."""
        self._end(camera)
        self.leases[camera] = self.buffer.lease(camera)
        self.put.setdefault(camera, [])

    @rule(camera=st.sampled_from(CAMERAS))
    def remove(self, camera: str) -> None:
        self._end(camera)
        self.buffer.remove_camera(camera)
        self.put.pop(camera, None)
        assert self.buffer.newest(camera) is None

    @rule(
        camera=st.sampled_from(CAMERAS),
        width_px=st.sampled_from([16, 64, 128, 400]),
        step_s=st.sampled_from([0.0, 0.04, 1.0]),
    )
    def frame(self, camera: str, width_px: int, step_s: float) -> None:
        self.now_s += step_s
        if camera in self.leases:
            frame = self._frame(camera, width_px)
            accepted = self.buffer.put(frame, self.leases[camera])
            self.put[camera].append(frame)
            assert accepted == (self.buffer.newest(camera) is frame)

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), step_s=st.sampled_from([0.0, 1.0]))
    def from_a_session_whose_lease_has_ended(self, data: st.DataObject, step_s: float) -> None:
        """However new what it brings, nothing of it is stored, and nothing is pushed out for it."""
        self.now_s += step_s
        lease = data.draw(st.sampled_from(self.ended))
        held = self.buffer.bytes_held
        assert not self.buffer.put(self._frame(lease.camera_id, 64), lease)
        packet = packet_at(lease.camera_id, self.seq, self.now_s, key=True)
        assert not self.buffer.put_packet(packet, lease)
        assert self.buffer.bytes_held == held
        self.refused += 2

    @rule(camera=st.sampled_from(CAMERAS))
    def late_frame(self, camera: str) -> None:
        newest = self.buffer.newest(camera)
        if newest is not None:
            late = make_frame(camera, seq=newest.seq, mono_ns=newest.captured_mono_ns)
            assert not self.buffer.put(late, self.leases[camera])
            self.put[camera].append(late)

    @rule(camera=st.sampled_from(CAMERAS), key=st.booleans(), size=st.integers(1, 3_000))
    def packet(self, camera: str, key: bool, size: int) -> None:
        self.seq += 1
        if camera in self.leases:
            packet = packet_at(camera, self.seq, self.now_s, key=key, size=size)
            self.buffer.put_packet(packet, self.leases[camera])

    def _frame(self, camera: str, width_px: int) -> Frame:
        self.seq += 1
        picture = flat_picture(width_px=width_px)
        return make_frame(camera, seq=self.seq, mono_ns=ns(self.now_s), picture=picture)

    def _end(self, camera: str) -> None:
        if lease := self.leases.pop(camera, None):
            self.ended.append(lease)

    @invariant()
    def every_refusal_is_counted(self) -> None:
        assert self.buffer.counters()["refused_total"] == self.refused

    @invariant()
    def never_over_the_cap(self) -> None:
        assert 0 <= self.buffer.bytes_held <= self.buffer.max_bytes

    @invariant()
    def held_frames_are_the_put_ones_in_order_and_the_rest_is_counted(self) -> None:
        for camera, put in self.put.items():
            held = self.buffer.stored_between(camera, 0, 1 << 62)
            assert [id(f) for f in held] == [id(f) for f in put if any(f is h for h in held)]
            assert len(put) == len(held) + self.buffer.dropped_total(camera)

    @invariant()
    def packets_can_be_decoded(self) -> None:
        """The first is a keyframe, and none is missing between it and the last."""
        for camera in CAMERAS:
            packets = self.buffer.packets_between(camera, 0, 1 << 62)
            assert not packets or packets[0].is_key
            assert [p.seq for p in packets] == sorted(p.seq for p in packets)


BufferMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBuffer = BufferMachine.TestCase


def test_a_busy_camera_does_not_push_out_a_quiet_one() -> None:
    """Given one frame of a quiet camera, when a busy one sends a hundred, the quiet one's is still there."""
    buffer = FrameBuffer(5 * FRAME_BYTES, packet_bytes=0)
    quiet_lease = buffer.lease("quiet")
    busy_lease = buffer.lease("busy")
    quiet = frame_at("quiet", 0, 0)
    buffer.put(quiet, quiet_lease)
    for seq in range(100):
        buffer.put(frame_at("busy", seq, seq / 100), busy_lease)
    assert buffer.newest("quiet") is quiet
    assert buffer.dropped_total("busy") == 96
    assert buffer.dropped_total("quiet") == 0


def test_with_room_for_fewer_frames_than_cameras_the_stalest_goes() -> None:
    buffer = FrameBuffer(2 * FRAME_BYTES, packet_bytes=0)
    for at_s, camera in enumerate(CAMERAS):
        buffer.put(frame_at(camera, 0, at_s), buffer.lease(camera))
    assert buffer.newest("yard") is None
    assert buffer.newest("door") is not None
    assert buffer.newest("gate") is not None


def test_old_frames_leave_without_being_counted_as_dropped_but_the_newest_stays_for_ever() -> None:
    buffer = FrameBuffer(100 * FRAME_BYTES, keep_s=2.0)
    lease = buffer.lease("yard")
    for seq in range(5):
        buffer.put(frame_at("yard", seq, seq), lease)
    assert [f.seq for f in buffer.stored_between("yard", 0, ns(100))] == [2, 3, 4]
    assert buffer.dropped_total("yard") == 0
    newest = buffer.newest("yard")
    assert newest is not None
    assert newest.seq == 4


def test_a_frame_larger_than_the_buffer_is_a_drop_not_an_error() -> None:
    buffer = FrameBuffer(FRAME_BYTES - 1, packet_bytes=0)
    lease = buffer.lease("yard")
    assert not buffer.put(frame_at("yard", 0, 0), lease)
    assert buffer.dropped_total("yard") == 1


def test_a_group_of_packets_stays_until_its_last_one_is_too_old() -> None:
    """Given three groups of a second, when 2 s are kept, the group in which the 2 s begin is kept whole."""
    buffer = FrameBuffer(1 << 20, packet_keep_s=2.0)
    lease = buffer.lease("yard")
    for seq in range(40):
        buffer.put_packet(packet_at("yard", seq, seq / 10, key=seq % 10 == 0), lease)
    kept = buffer.packets_between("yard", 0, ns(100))
    assert kept[0].seq == 10
    assert kept[-1].seq == 39


def test_packets_after_a_lost_keyframe_are_refused() -> None:
    """Given a group larger than the room, when it was dropped, what builds on it is not kept either."""
    buffer = FrameBuffer(10_000, packet_bytes=2_000)
    lease = buffer.lease("yard")
    assert buffer.put_packet(packet_at("yard", 0, 0, key=True, size=1_000), lease)
    assert not buffer.put_packet(packet_at("yard", 1, 1, size=1_000), lease)
    assert not buffer.put_packet(packet_at("yard", 2, 2, size=10), lease)
    assert buffer.packets_between("yard", 0, ns(9)) == []
    assert buffer.put_packet(packet_at("yard", 3, 3, key=True, size=10), lease)


def test_many_cameras_and_readers_at_once_tear_nothing() -> None:
    """Given eight threads that put and one that reads, when they are done, every camera's frames are in order and all
    are accounted for."""
    buffer = FrameBuffer(50 * FRAME_BYTES, keep_s=1e6)
    names = [f"camera-{n}" for n in range(8)]
    leases = [buffer.lease(name) for name in names]
    done = threading.Event()
    torn: list[list[int]] = []

    def put(lease: Lease) -> None:
        name = lease.camera_id
        for seq in range(300):
            buffer.put(frame_at(name, seq, seq), lease)
            buffer.put_packet(packet_at(name, seq, seq, key=seq % 10 == 0), lease)

    def read() -> None:
        while not done.is_set():
            for name in names:
                seqs = [frame.seq for frame in buffer.stored_between(name, 0, 1 << 62)]
                if seqs != sorted(set(seqs)) or buffer.bytes_held > buffer.max_bytes:
                    torn.append(seqs)

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=put, args=(lease,)) for lease in leases]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert torn == []
    for name in names:
        held = buffer.stored_between(name, 0, 1 << 62)
        assert held[-1].seq == 299
        assert len(held) + buffer.dropped_total(name) == 300


def test_a_camera_that_was_removed_is_refused_and_its_drops_stay_counted() -> None:
    buffer = FrameBuffer(1 << 20)
    lease = buffer.lease("yard")
    frame = frame_at("yard", 0, 1)
    assert buffer.put(frame, lease)
    assert not buffer.put(frame, lease)
    buffer.remove_camera("yard")
    assert not buffer.put(frame_at("yard", 1, 2), lease)
    assert not buffer.put_packet(packet_at("yard", 0, 0, key=True), lease)
    assert buffer.stored_between("yard", 0, 1 << 62) == []
    assert buffer.counters() == {"bytes_held": 0, "frames_dropped_total": 1, "refused_total": 2}


def test_a_lease_is_for_its_own_camera_only() -> None:
    buffer = FrameBuffer(1 << 20)
    lease = buffer.lease("yard")
    buffer.lease("door")
    assert not buffer.put(frame_at("door", 0, 0), lease)
    assert not buffer.put_packet(packet_at("door", 0, 0, key=True), lease)
    assert buffer.newest("door") is None


def test_the_next_lease_keeps_what_is_stored() -> None:
    """So that a session which replaces a hung one does not leave the camera without a picture."""
    buffer = FrameBuffer(1 << 20)
    frame = frame_at("yard", 0, 0)
    buffer.put(frame, buffer.lease("yard"))
    buffer.lease("yard")
    assert buffer.newest("yard") is frame


def test_a_camera_whose_pictures_never_fit_is_a_problem_until_one_does() -> None:
    buffer = FrameBuffer(FRAME_BYTES, packet_bytes=0)
    lease = buffer.lease("yard")
    large = make_frame("yard", unix_ms=7, picture=flat_picture(width_px=128))
    assert not buffer.put(large, lease)
    (problem,) = buffer.problems()
    assert (problem.code, problem.since_unix_ms) == ("buffer_small", 7)
    assert f"camera yard takes {2 * FRAME_BYTES} bytes" in problem.text
    assert buffer.put(frame_at("yard", 1, 1), lease)
    assert buffer.problems() == []


@given(sizes=st.lists(st.integers(1, 500), min_size=1, max_size=60))
def test_bytes_held_is_what_is_held(sizes: list[int]) -> None:
    buffer = FrameBuffer(4_000, packet_bytes=4_000)
    lease = buffer.lease("yard")
    for seq, size in enumerate(sizes):
        buffer.put_packet(packet_at("yard", seq, seq, key=True, size=size), lease)
    held = buffer.packets_between("yard", 0, ns(1e6))
    assert buffer.bytes_held == sum(packet.nbytes for packet in held) <= 4_000
