"""A folder or a hub name -> a model in its final precision on its device, with its words and its picture size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoTokenizer, BlipConfig, BlipForConditionalGeneration

from surveil.captioning.devices import Device
from surveil.captioning.pictures import PictureSpec
from surveil.errors import ModelError

WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
TOKEN_FILES = ("tokenizer.json", "vocab.txt")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Everything that a model's folder holds."""

    model_id: str
    model: Any
    tokenizer: Any
    pictures: PictureSpec


def load_blip(
    name: str, *, dtype: torch.dtype, device: Device, allow_download: bool
) -> LoadedModel:
    """Raises ModelError, saying which file is missing or wrong and what to do."""
    folder = find_model(name, allow_download=allow_download)
    try:
        config: Any = BlipConfig.from_pretrained(folder)
        model: Any = BlipForConditionalGeneration.from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except SafetensorError as error:
        raise ModelError(
            f"model {folder}: model.safetensors can't be read ({_first_line(error)}); "
            "`surveil model fetch` completes an unfinished download"
        ) from error
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(f"model {folder}: {_first_line(error)}") from error
    model.eval()
    return LoadedModel(
        model_id=name.rstrip("/").removeprefix("./") if not Path(name).exists() else folder.name,
        model=model.to(device.target),
        tokenizer=tokenizer,
        pictures=PictureSpec.read(folder, side_px=config.vision_config.image_size),
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
    for kind, names in (("weights", WEIGHT_FILES), ("vocabulary", TOKEN_FILES)):
        if not any((folder / name).is_file() for name in names):
            raise ModelError(
                f"model {folder}: no {kind}; one of {', '.join(names)} is needed. An unfinished download? "
                "`surveil model fetch` completes it"
            )


def _model_type(path: Path) -> str | None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"model {path}: can't be read ({_first_line(error)})") from error
    return said.get("model_type") if isinstance(said, dict) else None


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
        raise ModelError(f"model {name}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
