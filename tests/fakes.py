"""Real in-memory stand-ins, preferred to patching."""

from __future__ import annotations

import numpy as np

from surveil.clock import NS_PER_MS, NS_PER_S
from surveil.records import Frame, Luma, Rgb


class FakeClock:
    """Both clocks, moved by hand. `step_wall` is what NTP or a person does."""

    def __init__(self, *, mono_s: float = 1_000.0, unix_s: float = 1_795_000_000.0) -> None:
        self._mono_ns = round(mono_s * NS_PER_S)
        self._unix_ns = round(unix_s * NS_PER_S)

    def monotonic_ns(self) -> int:
        return self._mono_ns

    def unix_ms(self) -> int:
        return self._unix_ns // NS_PER_MS

    def advance(self, seconds: float) -> None:
        self._mono_ns += round(seconds * NS_PER_S)
        self._unix_ns += round(seconds * NS_PER_S)

    def step_wall(self, seconds: float) -> None:
        self._unix_ns += round(seconds * NS_PER_S)


class ArrayPicture:
    """A Picture over an RGB array; nearest-neighbour scaling, good enough for tests."""

    def __init__(self, pixels: Rgb) -> None:
        self._pixels = pixels

    @property
    def width_px(self) -> int:
        return int(self._pixels.shape[1])

    @property
    def height_px(self) -> int:
        return int(self._pixels.shape[0])

    @property
    def nbytes(self) -> int:
        return self._pixels.nbytes

    def rgb(self, width_px: int, height_px: int) -> Rgb:
        rows = np.arange(height_px) * self.height_px // height_px
        columns = np.arange(width_px) * self.width_px // width_px
        scaled = np.ascontiguousarray(self._pixels[rows][:, columns])
        scaled.flags.writeable = False
        return scaled

    def luma(self, width_px: int, height_px: int) -> Luma:
        brightness: Luma = self.rgb(width_px, height_px).mean(axis=2).astype(np.uint8)
        brightness.flags.writeable = False
        return brightness

    def crop(self, left_px: int, top_px: int, right_px: int, bottom_px: int) -> ArrayPicture:
        return ArrayPicture(self._pixels[top_px:bottom_px, left_px:right_px])


def flat_picture(level: int = 128, *, width_px: int = 64, height_px: int = 48) -> ArrayPicture:
    """A picture of one grey."""
    return ArrayPicture(np.full((height_px, width_px, 3), level, dtype=np.uint8))


def make_frame(
    camera_id: str = "yard",
    *,
    seq: int = 0,
    mono_ns: int = 0,
    unix_ms: int = 1_795_000_000_000,
    picture: ArrayPicture | None = None,
    run_id: str = "run-1",
    region_id: str | None = None,
) -> Frame:
    """A Frame with sensible defaults."""
    return Frame(
        camera_id=camera_id,
        run_id=run_id,
        seq=seq,
        captured_mono_ns=mono_ns,
        captured_unix_ms=unix_ms,
        pts_s=None,
        is_key=True,
        picture=picture or flat_picture(),
        region_id=region_id,
    )
