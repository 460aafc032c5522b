"""Pictures to tensors: the arithmetic of BLIP's image processor, with the scaling left to whoever has the picture.

The processor squashes any picture to one square with bicubic resampling, rescales to 0..1 and normalises. The
daemon asks its frames for that square directly (decoder planes -> RGB -> square in one step), so that here only the
normalising is left, which runs on the device.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from surveil.captioning.devices import Device
from surveil.errors import ModelError
from surveil.records import Rgb

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class PictureSpec:
    """What `preprocessor_config.json` says; the defaults are BLIP's published ones."""

    side_px: int = 384
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    resample: Image.Resampling = Image.Resampling.BICUBIC

    @classmethod
    def read(cls, folder: Path, *, side_px: int) -> PictureSpec:
        """`side_px` comes from the model's config: position embeddings fix it, the processor's file may be absent."""
        said = _processor_settings(folder)
        return cls(
            side_px=side_px,
            mean=tuple(said.get("image_mean", CLIP_MEAN)),
            std=tuple(said.get("image_std", CLIP_STD)),
            resample=Image.Resampling(said.get("resample", Image.Resampling.BICUBIC)),
        )


def _processor_settings(folder: Path) -> dict[str, Any]:
    """transformers 5 saves one file for words and pictures; published BLIPs have one for pictures only."""
    old, new = folder / "preprocessor_config.json", folder / "processor_config.json"
    path = old if old.is_file() else new
    if not path.is_file():
        return {}
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"model file {path} is not JSON ({error})") from error
    settings: dict[str, Any] = said.get("image_processor", said)
    return settings


def to_square(picture: Rgb, spec: PictureSpec) -> Rgb:
    """(side_px, side_px, 3); the same array when it already is."""
    if picture.shape[:2] == (spec.side_px, spec.side_px):
        return picture
    scaled = Image.fromarray(picture).resize((spec.side_px, spec.side_px), resample=spec.resample)
    return np.asarray(scaled)


def to_pixels(
    pictures: Sequence[Rgb], spec: PictureSpec, *, device: Device, dtype: torch.dtype
) -> Tensor:
    """(len(pictures), 3, side_px, side_px), normalised, on the device. Bytes cross to it, not floats."""
    stacked = np.stack([to_square(picture, spec) for picture in pictures])
    squares = torch.from_numpy(stacked).to(device.target)
    scale = torch.tensor(spec.std, device=device.target) * 255.0
    shift = torch.tensor(spec.mean, device=device.target) * 255.0
    return ((squares.float() - shift) / scale).permute(0, 3, 1, 2).to(dtype)
