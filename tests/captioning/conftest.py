from __future__ import annotations

from pathlib import Path

import pytest

from surveil.captioning.registry import quiet_libraries

quiet_libraries(allow_download=False)

import torch  # noqa: E402  # after the environment is set

from tests.captioning.blips import noise_pictures, random_blip, save_blip, tiny_config  # noqa: E402  # torch comes after

torch.set_num_threads(1)  # tiny models: a second thread only waits for the first


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random BLIP."""
    return save_blip(random_blip(tiny_config()), tmp_path_factory.mktemp("models") / "tiny-blip")


@pytest.fixture(scope="session")
def int8_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model, quantised."""
    pytest.importorskip("nncf", reason="the openvino extra is not installed")
    from surveil.captioning.openvino.quantization import quantize

    folder = tmp_path_factory.mktemp("int8")
    source = save_blip(random_blip(tiny_config(), end_bias=0.0), folder / "tiny")
    pictures = noise_pictures(10, 32)
    quantize(str(source), folder / "int8", pictures, least_agreement=0.0, report=print)
    return folder / "int8"
