"""A folder or a hub name -> a model in its final precision on its device, with its words and its picture size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoTokenizer, BlipConfig, BlipForConditionalGeneration

from surveil.captioning.blip.weights import read_weights, weight_files
from surveil.captioning.devices import Device
from surveil.captioning.engine import INT8_TEXT_DECODER, INT8_VISION_ENCODER, is_quantized
from surveil.errors import ModelError

WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
TOKEN_FILES = ("tokenizer.json", "vocab.txt")


CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How pictures are normalised, as `preprocessor_config.json` says; the defaults are BLIP's published ones."""

    side_px: int = 384
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    resample: Image.Resampling = Image.Resampling.BICUBIC

    @classmethod
    def read(cls, folder: Path, *, side_px: int) -> Preprocessing:
        """`side_px` comes from the model's config: position embeddings fix it, the processor's file may be absent."""
        settings = _processor_settings(folder)
        return cls(
            side_px=side_px,
            mean=tuple(settings.get("image_mean", CLIP_MEAN)),
            std=tuple(settings.get("image_std", CLIP_STD)),
            resample=Image.Resampling(settings.get("resample", Image.Resampling.BICUBIC)),
        )


def _processor_settings(folder: Path) -> dict[str, Any]:
    """transformers 5 saves one file for words and pictures; published BLIPs have one for pictures only."""
    old, new = folder / "preprocessor_config.json", folder / "processor_config.json"
    path = old if old.is_file() else new
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"model file {path} is not JSON ({error})") from error
    settings: dict[str, Any] = content.get("image_processor", content)
    return settings


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Everything that a model's folder holds."""

    model_id: str
    folder: Path
    model: Any
    """BlipForConditionalGeneration, evaluated, in its final type on its device."""
    tokenizer: Any
    preprocessing: Preprocessing


PARTS = ("vision_model", "text_decoder")


def load_blip(
    name: str,
    *,
    dtype: torch.dtype,
    device: Device,
    allow_download: bool = False,
    parts: tuple[str, ...] = PARTS,
) -> LoadedModel:
    """`parts`: what to load; the others stay without weights. Raises ModelError: what is missing, what to do."""
    folder = find_model(name, allow_download=allow_download)
    try:
        config: Any = BlipConfig.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"model {folder}: {first_line(error)}") from error
    return LoadedModel(
        model_id=folder.name if Path(name).expanduser().is_dir() else name,
        folder=folder,
        model=_build(config, folder, dtype=dtype, device=device, parts=parts),
        tokenizer=tokenizer,
        preprocessing=Preprocessing.read(folder, side_px=config.vision_config.image_size),
    )


def find_model(name: str, *, allow_download: bool) -> Path:
    """The folder that holds the model: `name` itself, or the hub's local copy of it. Raises ModelError."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        check_folder(folder)
        return folder.resolve()
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        raise ModelError(
            f"model {name}: there is no such folder; give a folder that holds a BLIP model, or a hub name "
            "such as Salesforce/blip-image-captioning-large"
        )
    return _from_hub(name, allow_download=allow_download)


def check_folder(folder: Path) -> None:
    """Raises ModelError naming the first file that a BLIP model would have and this folder has not."""
    if not (folder / "config.json").is_file():
        raise ModelError(f"model {folder}: config.json is missing, so this folder is no model")
    model_type = _model_type(folder / "config.json")
    if model_type != "blip":
        raise ModelError(f"model {folder}: config.json says model_type {model_type!r}, not blip")
    if is_quantized(folder):
        _check_int8(folder)
    elif not weight_files(folder):
        raise _missing(folder, "weights", WEIGHT_FILES)
    if not any((folder / name).is_file() for name in TOKEN_FILES):
        raise _missing(folder, "vocabulary", TOKEN_FILES)


def _check_int8(folder: Path) -> None:
    for name in (INT8_VISION_ENCODER, INT8_TEXT_DECODER):
        for path in (folder / name, (folder / name).with_suffix(".bin")):
            if not path.is_file():
                raise ModelError(
                    f"model {folder}: {path.name} is missing from what `surveil model quantize` makes; copy it again"
                )


def first_line(error: BaseException) -> str:
    """What a library said, without its paragraphs of advice."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _build(
    config: BlipConfig, folder: Path, *, dtype: torch.dtype, device: Device, parts: tuple[str, ...]
) -> Any:
    """The model without weights, then each tensor put in its place as it is read."""
    with torch.device("meta"):
        model: Any = BlipForConditionalGeneration(config)
    state = dict(read_weights(folder, dtype=dtype, device=device.target, parts=parts))
    try:
        result = model.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:
        raise ModelError(
            f"model {folder}: its weights do not fit its config.json ({first_line(error)})"
        ) from error
    model.tie_weights()
    missing = [
        name
        for name, weight in model.named_parameters()
        if weight.is_meta and name.startswith(parts)
    ]
    if missing:
        raise ModelError(
            f"model {folder}: {len(missing)} of its weights are missing, the first is {missing[0]}"
            + (f"; it has {result.unexpected_keys[0]} instead" if result.unexpected_keys else "")
        )
    return model.eval()


def _missing(folder: Path, what: str, names: tuple[str, ...]) -> ModelError:
    return ModelError(
        f"model {folder}: no {what}; one of {', '.join(names)} is needed. An unfinished download? "
        "`surveil model fetch` completes it"
    )


def _model_type(path: Path) -> str | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"model {path}: can't be read ({first_line(error)})") from error
    return content.get("model_type") if isinstance(content, dict) else None


def _from_hub(name: str, *, allow_download: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=not allow_download))
    except LocalEntryNotFoundError as error:
        remedy = (
            "the hub can't be reached"
            if allow_download
            else f"run `surveil model fetch {name}` first, or set allow_download: true"
        )
        raise ModelError(
            f"model {name}: neither a folder here nor in the local hub cache; {remedy}"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ModelError(f"model {name}: {first_line(error)}") from error
