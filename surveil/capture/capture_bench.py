"""What a camera costs: decode modes side by side with the loop that most programs run, on one clip."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from surveil.capture.buffer import FrameBuffer
from surveil.capture.camera_spec import CameraSpec, DecodeMode
from surveil.capture.supervisor import CaptureSupervisor
from surveil.clock import NS_PER_MS, NS_PER_S, SystemClock, WallTime, ns
from surveil.errors import SourceError
from surveil.records import CameraState

OPENCV = "opencv"
MODES = (*(mode.value for mode in DecodeMode), OPENCV)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be measured."""

    clip: str
    cameras: int
    seconds: float
    interval_s: float
    ring_bytes: int
    warm_up_s: float
    """Before the measurement, for opening all cameras one after another, and for `auto` to know the stream."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured."""

    mode: str
    cameras: int
    cores: float
    """CPU seconds per second, all cameras together, in the steady state."""
    memory_bytes: int
    """Resident memory more than before the first camera, at the end."""
    fps: float
    """Frames per second that arrived, all cameras together; fewer than the clips hold where the box was too busy."""
    oldest_ms: int | None
    """Greatest age of any camera's newest picture, seen ten times a second; None where there is no buffer."""
    ring_bytes: int | None

    def cores_per_camera(self, clip_fps: float) -> float:
        """At the clip's full rate, also where the box was too busy to keep it."""
        return self.cores / self.fps * clip_fps if self.fps else float("inf")


def measure(modes: Sequence[str], load: Load) -> list[Cost]:
    """All at once, so that they share the box's good and bad moments, each in a process of its own, so that memory is
    its alone. Raises SourceError when a camera fails."""
    with multiprocessing.get_context("spawn").Pool(len(modes)) as pool:
        return pool.starmap(_measure, [(mode, load) for mode in modes], chunksize=1)


def render_clip(path: Path, *, seconds: int = 8, gop: int = 50, fps: int = 25) -> None:
    """A 1080p scene with texture, sensor noise and something that moves, at the 4 Mbit/s of an ordinary camera."""
    chance = np.random.default_rng(1)
    scene = np.kron(chance.integers(40, 200, (54, 96)), np.ones((20, 20))).astype(np.int16)
    noises = [chance.normal(0, 2.5, scene.shape).astype(np.int16) for _ in range(5)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.bit_rate = 4_000_000
        stream.options = {"preset": "veryfast", "x264-params": f"keyint={gop}:scenecut=0:bframes=0"}
        for index in range(seconds * fps):
            picture = scene + noises[index % len(noises)]
            left = index * 8 % 1700
            picture[400:800, left : left + 160] = 230
            planes = np.full((1620, 1920), 128, dtype=np.uint8)
            planes[:1080] = picture.clip(16, 235)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))


@dataclass(frozen=True, slots=True)
class Clip:
    """What is played."""

    about: str
    """`h264 1920x1080, 25 fps, a keyframe every 50 frames`"""
    fps: float


def describe_clip(path: str) -> Clip:
    """Raises SourceError."""
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            keys = [packet.is_keyframe for packet in container.demux(stream) if packet.size]
            gop = len(keys) / max(1, sum(keys))
            name, rate = stream.codec_context.name, float(stream.average_rate or 0)
            size = f"{stream.codec_context.width}x{stream.codec_context.height}"
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise SourceError(f"{path} is no video that can be measured with: {error}") from None
    return Clip(f"{name} {size}, {rate:g} fps, a keyframe every {gop:.0f} frames", rate)


def _measure(mode: str, load: Load) -> Cost:
    return _opencv(load) if mode == OPENCV else _surveil(mode, load)


def _surveil(mode: str, load: Load) -> Cost:
    """The capture room as the daemon runs it."""
    before = _resident_bytes()
    clock = SystemClock()
    buffer = FrameBuffer(load.ring_bytes)
    capture = CaptureSupervisor(buffer, clock=clock, wall=WallTime(clock))
    specs = [
        CameraSpec(f"camera-{n}", load.clip, decode=DecodeMode(mode), interval_s=load.interval_s)
        for n in range(load.cameras)
    ]
    pause = threading.Event()
    for started in range(1, load.cameras + 1):  # real cameras do not send their keyframes in step
        capture.reconcile(specs[:started])
        pause.wait(load.warm_up_s / 2 / load.cameras)
    pause.wait(load.warm_up_s / 2)
    frames = _frames(capture)
    oldest_ns, busiest = 0, 0

    def sample() -> None:
        nonlocal oldest_ns, busiest
        capture.supervise()
        newest = [buffer.newest(spec.camera_id) for spec in specs]
        now_ns = clock.monotonic_ns()
        ages_ns = [now_ns - (frame.captured_mono_ns if frame else 0) for frame in newest]
        oldest_ns, busiest = max(oldest_ns, *ages_ns), max(busiest, buffer.bytes_held)

    cores = _watched(load.seconds, sample)
    cost = Cost(
        mode=mode,
        cameras=load.cameras,
        cores=cores,
        memory_bytes=_resident_bytes() - before,
        fps=(_frames(capture) - frames) / load.seconds,
        oldest_ms=oldest_ns // NS_PER_MS,
        ring_bytes=busiest,
    )
    _check(capture)
    capture.stop(clock.monotonic_ns() + ns(10.0))
    return cost


def _frames(capture: CaptureSupervisor) -> int:
    return sum(status.frames_total for status in capture.statuses().values())


def _check(capture: CaptureSupervisor) -> None:
    for status in capture.statuses().values():
        if status.state is not CameraState.ONLINE and status.last_error:
            raise SourceError(f"{status.camera_id}: {status.last_error}")


def _opencv(load: Load) -> Cost:
    """One thread a camera, in each the usual loop: read every frame, keep the last."""
    import cv2

    before = _resident_bytes()
    stopping = threading.Event()
    counts = [0] * load.cameras

    def watch(number: int) -> None:
        capture = cv2.VideoCapture(load.clip)
        period_s = 1.0 / (capture.get(cv2.CAP_PROP_FPS) or 25.0)
        due_s = time.monotonic()
        while not stopping.wait(max(0.0, due_s - time.monotonic())):
            due_s += period_s
            read, _ = capture.read()
            counts[number] += read
            if not read:
                capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        capture.release()

    threads = [threading.Thread(target=watch, args=(n,)) for n in range(load.cameras)]
    for thread in threads:
        thread.start()
        stopping.wait(load.warm_up_s / 2 / load.cameras)
    stopping.wait(load.warm_up_s / 2)
    frames = sum(counts)
    cores = _watched(load.seconds, lambda: None)
    cost = Cost(
        mode=OPENCV,
        cameras=load.cameras,
        cores=cores,
        memory_bytes=_resident_bytes() - before,
        fps=(sum(counts) - frames) / load.seconds,
        oldest_ms=None,
        ring_bytes=None,
    )
    stopping.set()
    for thread in threads:
        thread.join()
    return cost


def _watched(seconds: float, sample: Callable[[], None]) -> float:
    """Cores that this process uses in the time; `sample` is called ten times a second."""
    pause = threading.Event()
    began_ns, cpu_ns = time.monotonic_ns(), time.process_time_ns()
    while (time.monotonic_ns() - began_ns) / NS_PER_S < seconds:
        sample()
        pause.wait(0.1)
    return (time.process_time_ns() - cpu_ns) / (time.monotonic_ns() - began_ns)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
