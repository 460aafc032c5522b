"""A model that can't be loaded is told by what is missing and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from surveil.captioning import CaptionerSpec, open_captioner
from surveil.errors import DeviceError, ModelError


def copy_without(model: Path, tmp_path: Path, name: str) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    (folder / name).unlink()
    return folder


def open_folder(folder: Path | str) -> None:
    open_captioner(CaptionerSpec(model=str(folder), device="cpu", precision="fp32"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("config.json", "config.json is missing, so this folder is no model"),
        ("model.safetensors", r"no weights; one of model.safetensors, .*surveil model fetch"),
        ("vocab.txt", r"no vocabulary; one of tokenizer.json, vocab.txt"),
    ],
)
def test_the_missing_file_is_named(tiny_model: Path, tmp_path: Path, name: str, told: str) -> None:
    folder = copy_without(tiny_model, tmp_path, name)
    with pytest.raises(ModelError, match=told):
        open_folder(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere: there is no such folder"):
        open_folder(tmp_path / "nowhere")


def test_a_hub_name_is_not_fetched_unasked() -> None:
    with pytest.raises(ModelError, match=r"surveil model fetch someone/some-blip"):
        open_folder("someone/some-blip")


def test_another_kind_of_model_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match="'bert', not blip"):
        open_folder(folder)


def test_broken_weights_are_named(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"model.safetensors.*surveil model fetch"):
        open_folder(folder)


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("tpu", "allowed are auto, cpu, cuda, cuda:N, npu, npu:N"),
        ("cuda:7", r"cuda:7 is not there: torch .*`nvidia-smi`"),
        ("npu", "torch-npu is not installed; `pip install 'surveil\\[npu\\]'`"),
    ],
)
def test_a_device_that_is_not_there_is_told(tiny_model: Path, device: str, told: str) -> None:
    with pytest.raises(DeviceError, match=told):
        open_captioner(CaptionerSpec(model=str(tiny_model), device=device))


def test_a_precision_that_cannot_be_had_is_told(tiny_model: Path) -> None:
    with pytest.raises(DeviceError, match="int8 can't be had on cpu with the torch engine"):
        open_captioner(CaptionerSpec(model=str(tiny_model), device="cpu", precision="int8"))
