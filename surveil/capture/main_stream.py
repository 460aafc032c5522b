"""Look at the small stream, save the big one: the picture nearest in time, decoded from packets that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from surveil.capture.buffer import FrameBuffer, StreamPacket
from surveil.capture.camera_spec import CameraSpec
from surveil.capture.decoder import FrameMaker, decode_packets
from surveil.clock import NS_PER_MS, ns
from surveil.records import Frame

WITHIN_NS = ns(2.0)
"""A picture further away than this shows another moment."""
MAIN = "#main"
"""Ends the buffer's name for the packets of a camera's big stream; no camera id may hold a `#`."""


def main_stream(spec: CameraSpec) -> CameraSpec | None:
    """The big stream as a camera of its own, or None."""
    if spec.snapshot_url is None:
        return None
    return replace(spec, camera_id=spec.camera_id + MAIN, url=spec.snapshot_url, snapshot_url=None)


def main_packets(frame: Frame, buffer: FrameBuffer) -> list[StreamPacket]:
    """Packets of the big stream from the frame's moment on, with what is needed to decode them."""
    at_ns = frame.captured_mono_ns
    return buffer.packets_between(frame.camera_id + MAIN, at_ns, at_ns + WITHIN_NS)


def snapshot_of(
    frame: Frame, spec: CameraSpec, packets: Sequence[StreamPacket]
) -> tuple[Frame, int]:
    """See `CaptureSupervisor.snapshot_frame`."""
    at_ns = frame.captured_mono_ns
    found = None
    for candidate in decode_packets(_up_to_nearest(packets, at_ns), FrameMaker(spec)):
        if found is None or _distance(candidate, at_ns) <= _distance(found, at_ns):
            found = candidate
    if found is None or _distance(found, at_ns) > WITHIN_NS:
        return frame, 0
    offset_ms = round((found.captured_mono_ns - at_ns) / NS_PER_MS)
    region = next((r for r in spec.regions if r.region_id == frame.region_id), None)
    return (region.cut(found) if region else found), offset_ms


def _up_to_nearest(packets: Sequence[StreamPacket], at_ns: int) -> list[StreamPacket]:
    """From the keyframe to the packet nearest in time, all of one connection."""
    if not packets:
        return []
    nearest = min(packets, key=lambda packet: abs(packet.captured_mono_ns - at_ns))
    same = [packet for packet in packets if packet.run_id == nearest.run_id]
    needed = same[: same.index(nearest) + 1]
    keys = [index for index, packet in enumerate(needed) if packet.is_key]
    return needed[keys[-1] :] if keys else []


def _distance(frame: Frame, at_ns: int) -> int:
    return abs(frame.captured_mono_ns - at_ns)
