"""Look at the small stream, save the big one: the picture nearest in time, decoded from packets that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from surveil.capture.buffer import FrameBuffer
from surveil.capture.camera_spec import CameraSpec
from surveil.capture.decoder import FrameMaker, decode_run
from surveil.capture.packets import StreamPacket
from surveil.clock import NS_PER_MS, ns
from surveil.records import Frame

WITHIN_NS = ns(2.0)
"""A picture further away than this shows another moment."""
MAIN = "#main"
"""Ring's name for the packets of a camera's big stream; no camera id may hold a `#`."""


def main_stream(spec: CameraSpec) -> CameraSpec | None:
    """The big stream as a camera of its own, or None."""
    if spec.snapshot_url is None:
        return None
    return replace(spec, camera_id=spec.camera_id + MAIN, url=spec.snapshot_url, snapshot_url=None)


def snapshot_of(frame: Frame, spec: CameraSpec, ring: FrameBuffer) -> tuple[Frame, int]:
    """See `CaptureSupervisor.snapshot_frame`."""
    at_ns = frame.captured_mono_ns
    packets = ring.packets_between(spec.camera_id + MAIN, at_ns, at_ns + WITHIN_NS)
    needed = _up_to_nearest(packets, at_ns)
    found = None
    for candidate in decode_run(needed, FrameMaker(spec)):
        if found is None or _distance(candidate, at_ns) <= _distance(found, at_ns):
            found = candidate
    if found is None or _distance(found, at_ns) > WITHIN_NS:
        return frame, 0
    offset_ms = round((found.captured_mono_ns - at_ns) / NS_PER_MS)
    return _same_region(found, frame, spec), offset_ms


def _up_to_nearest(packets: Sequence[StreamPacket], at_ns: int) -> list[StreamPacket]:
    """From the keyframe to the packet nearest in time, all of one connection."""
    if not packets:
        return []
    nearest = min(packets, key=lambda packet: abs(packet.captured_mono_ns - at_ns))
    run = [packet for packet in packets if packet.run_id == nearest.run_id]
    needed = run[: run.index(nearest) + 1]
    keys = [index for index, packet in enumerate(needed) if packet.is_key]
    return needed[keys[-1] :] if keys else []


def _distance(frame: Frame, at_ns: int) -> int:
    return abs(frame.captured_mono_ns - at_ns)


def _same_region(found: Frame, frame: Frame, spec: CameraSpec) -> Frame:
    """Cut like the captioned picture, so that both show the same."""
    region = next((r for r in spec.regions if r.region_id == frame.region_id), None)
    if region is None:
        return found
    width_px, height_px = found.width_px, found.height_px
    left_px = min(int(region.left * width_px), width_px - 1)
    top_px = min(int(region.top * height_px), height_px - 1)
    right_px = max(left_px + 1, round(region.right * width_px))
    bottom_px = max(top_px + 1, round(region.bottom * height_px))
    picture = found.picture.crop(left_px, top_px, right_px, bottom_px)
    return replace(found, picture=picture, region_id=frame.region_id)
