"""What the camera adds to a scene: light, lens, sensor noise, clock text, and compression."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.render.canvas import Pixels

LIGHTS = ("day", "dusk", "night")
_TABLE_PX = 512
# Silicon sees infrared mostly through the red filter, and flames shine in it.
_INFRARED = np.array([[0.55, 0.35, 0.10]], np.float32)
_DUSK_GAIN = np.array([0.72, 0.60, 0.66], np.float32)  # RGB: dim, with a warm, slightly violet cast


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera at one moment; everything but `noise_seed` and `clock` stays the same in a clip."""

    light: str  # one of LIGHTS; night means infrared lamps and a grey picture
    gain: float = 1.0  # exposure
    roll_deg: float = 0.0
    zoom: float = 1.0  # about the picture's centre, 1 or more so that no edge shows
    shift_x: float = 0.0  # of the picture, in picture heights
    shift_y: float = 0.0
    noise_sigma: float = 3.0  # of 255, per channel
    blur_sigma: float = 0.0  # in thousandths of the picture height
    jpeg_quality: int = 0  # 0: no compression artefacts
    clock: str = ""
    clock_at_top: bool = True
    noise_seed: int = 0


def expose(pixels: Pixels, camera: Camera) -> Pixels:
    """The picture as this camera delivers it; same shape, RGB uint8."""
    pixels = _point(pixels, camera)
    pixels = _light(pixels, camera)
    if camera.blur_sigma:
        sigma_px = camera.blur_sigma * pixels.shape[0] / 1000
        if sigma_px > 0.25:
            pixels = cv2.GaussianBlur(pixels, (0, 0), sigma_px).astype(np.uint8)
    pixels = _noise(pixels, camera)
    if camera.clock:
        _stamp(pixels, camera)
    if camera.jpeg_quality:
        quality = [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg_quality]
        _, coded = cv2.imencode(".jpg", pixels, quality)
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _point(pixels: Pixels, camera: Camera) -> Pixels:
    if not (camera.roll_deg or camera.shift_x or camera.shift_y or camera.zoom != 1):
        return pixels
    height_px, width_px = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), camera.roll_deg, camera.zoom)
    turn[:, 2] += (camera.shift_x * height_px, camera.shift_y * height_px)
    turned = cv2.warpAffine(
        pixels, turn, (width_px, height_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return turned.astype(np.uint8)


def _light(pixels: Pixels, camera: Camera) -> Pixels:
    if camera.light == "night":
        grey = cv2.transform(pixels, _INFRARED).astype(np.float32)
        grey *= _lamp(pixels.shape[1], pixels.shape[0]) * camera.gain
        return cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB).astype(
            np.uint8
        )
    gain = camera.gain * (_DUSK_GAIN if camera.light == "dusk" else np.ones(3, np.float32))
    levels = np.arange(256, dtype=np.float32)[None, :, None] * gain[None, None, :]
    return cv2.LUT(pixels, np.clip(levels, 0, 255).astype(np.uint8)).astype(np.uint8)


@cache
def _lamp(width_px: int, height_px: int) -> NDArray[np.float32]:
    """Infrared lamps sit round the lens: bright in the middle, falling off to the corners."""
    y, x = np.mgrid[-1 : 1 : height_px * 1j, -1 : 1 : width_px * 1j]
    return np.asarray(1.02 - 0.30 * (x**2 + y**2), np.float32)


@cache
def _noise_table(sigma: int) -> NDArray[np.int16]:
    """Gaussian noise drawn once: drawing it for each picture would cost more than the scene."""
    rng = np.random.default_rng(sigma)
    return np.rint(rng.normal(0, sigma, (_TABLE_PX, 2 * _TABLE_PX, 3))).astype(np.int16)


@cache
def _grey_noise_table(sigma: int) -> NDArray[np.int16]:
    return np.ascontiguousarray(np.repeat(_noise_table(sigma)[:, :, :1], 3, axis=2))


def _noise(pixels: Pixels, camera: Camera) -> Pixels:
    sigma = round(camera.noise_sigma)
    if sigma <= 0:
        return pixels
    height_px, width_px = pixels.shape[:2]
    table = _grey_noise_table(sigma) if camera.light == "night" else _noise_table(sigma)
    if height_px >= _TABLE_PX or width_px >= 2 * _TABLE_PX:
        table = np.tile(table, (1 + height_px // _TABLE_PX, 1 + width_px // _TABLE_PX, 1))
    top = (camera.noise_seed * 7919) % (table.shape[0] - height_px)
    left = (camera.noise_seed * 104729) % (table.shape[1] - width_px)
    grain = table[top : top + height_px, left : left + width_px]
    return cv2.add(pixels, grain, dtype=cv2.CV_8U).astype(np.uint8)


def _stamp(pixels: Pixels, camera: Camera) -> None:
    """White clock text with a dark edge, as most cameras burn in."""
    height_px = pixels.shape[0]
    scale = height_px / 720
    origin = (round(0.02 * height_px), round((0.06 if camera.clock_at_top else 0.975) * height_px))
    font, aa = cv2.FONT_HERSHEY_SIMPLEX, cv2.LINE_AA
    cv2.putText(pixels, camera.clock, origin, font, scale, (0, 0, 0), max(2, round(4 * scale)), aa)
    white, thickness = (255, 255, 255), max(1, round(1.6 * scale))
    cv2.putText(pixels, camera.clock, origin, font, scale, white, thickness, aa)


def to_square(pixels: Pixels, size_px: int, *, method: str = "area") -> Pixels:
    """Squeezes a picture into the model's square input, `method` area, linear or bicubic.

    A video decoder's scaler (swscale) and Pillow both widen their filter when they shrink; OpenCV's
    linear and cubic do not, so they are given a picture blurred to match first.
    """
    flags = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
    if method != "area":
        spread_y, spread_x = pixels.shape[0] / size_px, pixels.shape[1] / size_px
        sigma_x, sigma_y = max(0.0, 0.3 * (spread_x - 1)), max(0.0, 0.3 * (spread_y - 1))
        if sigma_x > 0.2:
            pixels = cv2.GaussianBlur(pixels, (0, 0), sigma_x, sigmaY=max(0.01, sigma_y)).astype(
                np.uint8
            )
    return cv2.resize(pixels, (size_px, size_px), interpolation=flags[method]).astype(np.uint8)
