"""Weights are read once, in their final type, and a damaged file is told by name."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from surveil.captioning.blip.weights import read_weights
from surveil.errors import ModelError

CPU = torch.device("cpu")


def write(folder: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors, folder / "model.safetensors")
    return folder / "model.safetensors"


def read(folder: Path, dtype: torch.dtype = torch.bfloat16) -> dict[str, torch.Tensor]:
    return dict(read_weights(folder, dtype=dtype, device=CPU))


def test_floats_come_in_the_type_asked_for_and_integers_as_they_are(tmp_path: Path) -> None:
    one, two = torch.randn(3, 5), torch.arange(4)
    write(tmp_path, one=one, two=two, three=torch.tensor(2.5, dtype=torch.float16))

    found = read(tmp_path)

    assert torch.equal(found["one"], one.to(torch.bfloat16))
    assert torch.equal(found["two"], two)
    assert found["three"].shape == ()
    assert found["three"].item() == 2.5


def test_tensors_do_not_point_into_the_file(tmp_path: Path) -> None:
    """The mapping is gone when the model runs; a tensor of the file's own type must be a copy too."""
    path = write(tmp_path, one=torch.ones(4096))
    found = read(tmp_path, torch.float32)
    path.write_bytes(b"\0" * path.stat().st_size)
    assert torch.equal(found["one"], torch.ones(4096))


def test_parts_are_read_alone(tmp_path: Path) -> None:
    write(tmp_path, **{"vision.a": torch.ones(1), "text.b": torch.ones(1)})
    found = dict(read_weights(tmp_path, dtype=torch.float32, device=CPU, parts=("text",)))
    assert list(found) == ["text.b"]


def test_several_files_are_read_as_one(tmp_path: Path) -> None:
    for number in (1, 2):
        save_file({f"w{number}": torch.ones(number)}, tmp_path / f"model-{number}.safetensors")
    index = {"weight_map": {"w1": "model-1.safetensors", "w2": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert set(read(tmp_path)) == {"w1", "w2"}


def test_torchs_own_format_is_read_and_code_in_it_is_not_run(tmp_path: Path) -> None:
    torch.save({"one": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    assert torch.equal(read(tmp_path, torch.float32)["one"], torch.ones(2))
    torch.save({"one": Path("/")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model.bin can't be read"):
        read(tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 60, -1])
def test_a_torn_file_is_told(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path, one=torch.ones(100))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"model.safetensors .*`surveil model fetch`"):
        read(tmp_path)


def test_a_web_page_in_place_of_the_weights_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("<html>sign in</html>" * 10)
    with pytest.raises(ModelError, match="no safetensors file"):
        read(tmp_path)


def test_an_unknown_number_type_is_told(tmp_path: Path) -> None:
    header = json.dumps({"x": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0")
    with pytest.raises(ModelError, match="type F4 can't be read"):
        read(tmp_path)


def test_the_peak_stays_near_the_final_size(tmp_path: Path) -> None:
    """400 MB of float32 read as 200 MB of bfloat16: the process never holds much more than those 200."""
    tensors = {f"w{n}": torch.zeros(5_000_000) for n in range(20)}
    save_file(tensors, tmp_path / "model.safetensors")
    program = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from surveil.captioning.blip.weights import read_weights\n"
        "def peak(): return int(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])\n"
        "before = peak()\n"
        "kept = dict(read_weights(Path(sys.argv[1]), dtype=torch.bfloat16, device=torch.device('cpu')))\n"
        "print((peak() - before) / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1.3 * 200
