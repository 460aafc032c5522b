"""Sixty-four cameras in one process."""

from __future__ import annotations

import time
from pathlib import Path

from surveil.capture import CameraSpec, DecodeMode
from surveil.clock import NS_PER_S
from surveil.records import CameraState
from tests.support.clips import render_clip
from tests.support.room import CaptureRoom
from tests.support.waiting import eventually, throughout

CAMERAS = 64
WATCHED_S = 6.0
BUFFER_BYTES = 12 << 20
"""Room for some 85 of these pictures (with their padding): each camera's newest, and little more."""


def test_sixty_four_cameras_share_the_buffer_and_none_is_starved(tmp_path: Path) -> None:
    """Given 64 players of a clip with a keyframe a second and a buffer with hardly more room than one picture each, all
    are online, the buffer keeps to its cap, and each camera's newest picture stays younger than two groups."""
    clip = render_clip(tmp_path / "clip.mp4", frames=100)
    specs = [
        CameraSpec(f"camera-{n}", str(clip), decode=DecodeMode.KEYFRAMES, interval_s=5.0)
        for n in range(CAMERAS)
    ]
    with CaptureRoom(specs, max_bytes=BUFFER_BYTES) as room:
        eventually(lambda: all(room.buffer.newest(spec.camera_id) for spec in specs), 60.0)

        def oldest_s() -> float:
            newest = [room.buffer.newest(spec.camera_id) for spec in specs]
            now_ns = room.clock.monotonic_ns()
            return max((now_ns - f.captured_mono_ns) / NS_PER_S if f else 1e9 for f in newest)

        cpu_s = time.process_time()
        throughout(
            lambda: oldest_s() < 2.0 and room.buffer.bytes_held <= BUFFER_BYTES,
            WATCHED_S,
            what="newest pictures under 2 s, buffer within its cap",
        )
        statuses = room.capture.statuses().values()
        print(f"{CAMERAS} cameras: {(time.process_time() - cpu_s) / WATCHED_S:.2f} cores")
        assert {status.state for status in statuses} == {CameraState.ONLINE}
        assert all(status.reconnects_total == 0 for status in statuses)
