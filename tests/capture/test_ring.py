"""The ring: never over its cap, never torn or reordered, everything that leaves it counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from surveil.capture.buffer import FrameBuffer
from surveil.capture.packets import StreamInfo, StreamPacket
from surveil.clock import NS_PER_S, ns
from surveil.records import Frame
from tests.fakes import flat_picture, make_frame

INFO = StreamInfo("h264", 64, 48, Fraction(1, 1000))
CAMERAS = ("yard", "door", "lane")
FRAME_BYTES = flat_picture().nbytes


def frame_at(camera_id: str, seq: int, at_s: float, *, run_id: str = "run-1") -> Frame:
    return make_frame(camera_id, seq=seq, mono_ns=ns(at_s), run_id=run_id)


def packet_at(
    camera_id: str, seq: int, at_s: float, *, key: bool = False, size: int = 100, run: str = "run-1"
) -> StreamPacket:
    return StreamPacket(
        camera_id=camera_id,
        run_id=run,
        seq=seq,
        captured_mono_ns=ns(at_s),
        captured_unix_ms=0,
        pts=seq,
        dts=seq,
        is_key=key,
        data=bytes(size),
        stream=INFO,
    )


class RingMachine(RuleBasedStateMachine):
    """Puts frames of several sizes from several cameras, and checks after each step what must always hold."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = FrameBuffer(20 * FRAME_BYTES, packet_bytes=8_000, keep_s=1e6, packet_keep_s=1e6)
        self.now_s = 0.0
        self.put: dict[str, list[Frame]] = {}
        self.seq = 0

    @rule(camera=st.sampled_from(CAMERAS))
    def add(self, camera: str) -> None:
        self.ring.add_camera(camera)
        self.put.setdefault(camera, [])

    @rule(camera=st.sampled_from(CAMERAS))
    def remove(self, camera: str) -> None:
        self.ring.remove_camera(camera)
        self.put.pop(camera, None)
        assert self.ring.newest(camera) is None

    @rule(
        camera=st.sampled_from(CAMERAS),
        width_px=st.sampled_from([16, 64, 128, 400]),
        step_s=st.sampled_from([0.0, 0.04, 1.0]),
    )
    def frame(self, camera: str, width_px: int, step_s: float) -> None:
        self.now_s += step_s
        self.seq += 1
        picture = flat_picture(width_px=width_px)
        frame = make_frame(camera, seq=self.seq, mono_ns=ns(self.now_s), picture=picture)
        accepted = self.ring.put(frame)
        if camera in self.put:
            self.put[camera].append(frame)
            assert accepted == (self.ring.newest(camera) is frame)
        else:
            assert not accepted

    @rule(camera=st.sampled_from(CAMERAS))
    def late_frame(self, camera: str) -> None:
        newest = self.ring.newest(camera)
        if newest is not None:
            late = make_frame(camera, seq=newest.seq, mono_ns=newest.captured_mono_ns)
            assert not self.ring.put(late)
            self.put[camera].append(late)

    @rule(camera=st.sampled_from(CAMERAS), key=st.booleans(), size=st.integers(1, 3_000))
    def packet(self, camera: str, key: bool, size: int) -> None:
        self.seq += 1
        self.ring.put_packet(packet_at(camera, self.seq, self.now_s, key=key, size=size))

    @invariant()
    def never_over_the_cap(self) -> None:
        assert 0 <= self.ring.bytes_held <= self.ring.max_bytes

    @invariant()
    def held_frames_are_the_put_ones_in_order_and_the_rest_is_counted(self) -> None:
        for camera, put in self.put.items():
            held = self.ring.frames_between(camera, 0, 1 << 62)
            assert [id(f) for f in held] == [id(f) for f in put if any(f is h for h in held)]
            assert len(put) == len(held) + self.ring.dropped_total(camera)

    @invariant()
    def packets_can_be_decoded(self) -> None:
        """The first is a keyframe, and none is missing between it and the last."""
        for camera in CAMERAS:
            packets = self.ring.packets_between(camera, 0, 1 << 62)
            assert not packets or packets[0].is_key
            assert [p.seq for p in packets] == sorted(p.seq for p in packets)


RingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRing = RingMachine.TestCase


def test_a_busy_camera_does_not_push_out_a_quiet_one() -> None:
    """Given one frame of a quiet camera, when a busy one sends a hundred, the quiet one's is still there."""
    ring = FrameBuffer(5 * FRAME_BYTES, packet_bytes=0)
    ring.add_camera("quiet")
    ring.add_camera("busy")
    quiet = frame_at("quiet", 0, 0)
    ring.put(quiet)
    for seq in range(100):
        ring.put(frame_at("busy", seq, seq / 100))
    assert ring.newest("quiet") is quiet
    assert ring.dropped_total("busy") == 96
    assert ring.dropped_total("quiet") == 0


def test_with_room_for_fewer_frames_than_cameras_the_stalest_goes() -> None:
    ring = FrameBuffer(2 * FRAME_BYTES, packet_bytes=0)
    for at_s, camera in enumerate(CAMERAS):
        ring.add_camera(camera)
        ring.put(frame_at(camera, 0, at_s))
    assert ring.newest("yard") is None
    assert ring.newest("door") is not None
    assert ring.newest("lane") is not None


def test_old_frames_leave_without_being_counted_as_dropped_but_the_newest_stays_for_ever() -> None:
    ring = FrameBuffer(100 * FRAME_BYTES, keep_s=2.0)
    ring.add_camera("yard")
    for seq in range(5):
        ring.put(frame_at("yard", seq, seq))
    assert [f.seq for f in ring.frames_between("yard", 0, ns(100))] == [2, 3, 4]
    assert ring.dropped_total("yard") == 0
    newest = ring.newest("yard")
    assert newest is not None
    assert newest.seq == 4


def test_a_frame_larger_than_the_ring_is_a_drop_not_an_error() -> None:
    ring = FrameBuffer(FRAME_BYTES - 1, packet_bytes=0)
    ring.add_camera("yard")
    assert not ring.put(frame_at("yard", 0, 0))
    assert ring.dropped_total("yard") == 1


def test_a_group_of_packets_stays_until_its_last_one_is_too_old() -> None:
    """Given three groups of a second, when 2 s are kept, the group in which the 2 s begin is kept whole."""
    ring = FrameBuffer(1 << 20, packet_keep_s=2.0)
    ring.add_camera("yard")
    for seq in range(40):
        ring.put_packet(packet_at("yard", seq, seq / 10, key=seq % 10 == 0))
    kept = ring.packets_between("yard", 0, ns(100))
    assert kept[0].seq == 10
    assert kept[-1].seq == 39


def test_packets_after_a_lost_keyframe_are_refused() -> None:
    """Given a group larger than the room, when it was dropped, what builds on it is not kept either."""
    ring = FrameBuffer(10_000, packet_bytes=2_000)
    ring.add_camera("yard")
    assert ring.put_packet(packet_at("yard", 0, 0, key=True, size=1_000))
    assert not ring.put_packet(packet_at("yard", 1, 1, size=1_000))
    assert not ring.put_packet(packet_at("yard", 2, 2, size=10))
    assert ring.packets_between("yard", 0, ns(9)) == []
    assert ring.put_packet(packet_at("yard", 3, 3, key=True, size=10))


def test_many_cameras_and_readers_at_once_tear_nothing() -> None:
    """Given eight threads that put and one that reads, when they are done, every camera's frames are in order and all
    are accounted for."""
    ring = FrameBuffer(50 * FRAME_BYTES, keep_s=1e6)
    names = [f"camera-{n}" for n in range(8)]
    for name in names:
        ring.add_camera(name)
    done = threading.Event()
    torn: list[list[int]] = []

    def put(name: str) -> None:
        for seq in range(300):
            ring.put(frame_at(name, seq, seq))
            ring.put_packet(packet_at(name, seq, seq, key=seq % 10 == 0))

    def read() -> None:
        while not done.is_set():
            for name in names:
                seqs = [frame.seq for frame in ring.frames_between(name, 0, 1 << 62)]
                if seqs != sorted(set(seqs)) or ring.bytes_held > ring.max_bytes:
                    torn.append(seqs)

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=put, args=(name,)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert torn == []
    for name in names:
        held = ring.frames_between(name, 0, 1 << 62)
        assert held[-1].seq == 299
        assert len(held) + ring.dropped_total(name) == 300


class SeqDecoder:
    """Makes a frame of every packet; tells which runs it was given."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []

    def decode(self, packets: Sequence[StreamPacket]) -> Iterator[Frame]:
        self.runs.append([packet.seq for packet in packets])
        for packet in packets:
            at_s = packet.captured_mono_ns / NS_PER_S
            yield frame_at(packet.camera_id, packet.seq, at_s, run_id=packet.run_id)


def test_frames_between_are_decoded_from_the_keyframe_before() -> None:
    """Given keyframes each second and only those decoded, when asked for 1.5..2.2 s, every frame in it comes."""
    ring, decoder = FrameBuffer(1 << 24), SeqDecoder()
    ring.use_decoder(decoder)
    ring.add_camera("yard")
    for seq in range(40):
        ring.put_packet(packet_at("yard", seq, seq / 10, key=seq % 10 == 0))
    stored = frame_at("yard", 20, 2.0)
    ring.put(stored)
    found = ring.frames_between("yard", ns(1.5), ns(2.2))
    assert [f.seq for f in found] == [15, 16, 17, 18, 19, 20, 21, 22]
    assert stored in found
    assert decoder.runs == [list(range(10, 23))]


def test_frames_between_crosses_a_reconnection() -> None:
    ring, decoder = FrameBuffer(1 << 24), SeqDecoder()
    ring.use_decoder(decoder)
    ring.add_camera("yard")
    for run, start_s in (("a", 0.0), ("b", 1.0)):
        for seq in range(5):
            at_s = start_s + seq / 10
            ring.put_packet(packet_at("yard", seq, at_s, key=seq == 0, run=run))
    found = ring.frames_between("yard", 0, ns(9))
    assert [(f.run_id, f.seq) for f in found] == [(r, s) for r in "ab" for s in range(5)]
    assert decoder.runs == [[0, 1, 2, 3, 4]] * 2


@pytest.mark.parametrize("camera", ["never added", "removed"])
def test_a_camera_that_was_not_let_in_is_refused(camera: str) -> None:
    ring = FrameBuffer(1 << 20)
    ring.add_camera("removed")
    ring.remove_camera("removed")
    assert not ring.put(frame_at(camera, 0, 0))
    assert not ring.put_packet(packet_at(camera, 0, 0, key=True))
    assert ring.bytes_held == 0
    assert ring.frames_between(camera, 0, 1) == []


@given(sizes=st.lists(st.integers(1, 500), min_size=1, max_size=60))
def test_bytes_held_is_what_is_held(sizes: list[int]) -> None:
    ring = FrameBuffer(4_000, packet_bytes=4_000)
    ring.add_camera("yard")
    for seq, size in enumerate(sizes):
        ring.put_packet(packet_at("yard", seq, seq, key=True, size=size))
    held = ring.packets_between("yard", 0, ns(1e6))
    assert ring.bytes_held == sum(packet.nbytes for packet in held) <= 4_000
