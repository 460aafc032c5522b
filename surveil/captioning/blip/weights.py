"""Weights from disk to their final type, one tensor at a time.

A BLIP-large file is 1.9 GB of float32; a box that computes in bf16 needs half of that, once. The file is mapped, each
tensor is converted as it is read, and its pages are handed back at once, so that the peak stays near the final size.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from surveil.errors import ModelError

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "I8": torch.int8,
    "BOOL": torch.bool,
}
_MAX_HEADER_BYTES = 100_000_000
"""The format's own limit: https://github.com/huggingface/safetensors#format"""


def read_weights(
    folder: Path, *, dtype: torch.dtype, device: torch.device, parts: tuple[str, ...] = ("",)
) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of `folder` whose name begins with one of `parts`: on `device`, floats in `dtype`.

    Raises ModelError.
    """
    for path in weight_files(folder):
        read = _read_safetensors if path.suffix == ".safetensors" else _read_pickle
        for name, tensor in read(path):
            if not name.startswith(parts):
                continue
            wanted = dtype if tensor.is_floating_point() else tensor.dtype
            yield name, tensor.to(device=device, dtype=wanted, copy=True)


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, safetensors before torch's own format; empty when there are none."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    if index.is_file():
        parts = sorted(set(_json(index)["weight_map"].values()))
        return [folder / part for part in parts]
    pickled = folder / "pytorch_model.bin"
    return [pickled] if pickled.is_file() else []


def _read_safetensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    """8 bytes of header length, a JSON header, then the tensors back to back."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ModelError(f"model file {path}: {error.strerror}; {_REMEDY}") from error
    with file, _mapped(file, path) as mapped:
        header, start = _header(mapped, path)
        for name, entry in header.items():
            if name != "__metadata__":
                yield name, _tensor(mapped, entry, start=start, path=path)
                _release(mapped, until=start + entry["data_offsets"][1])


_REMEDY = "an unfinished download? `surveil model fetch` completes it"


def _mapped(file: Any, path: Path) -> mmap.mmap:
    try:
        # Private and writable only because torch warns about read-only buffers; nothing writes.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except ValueError as error:
        raise ModelError(f"model file {path} is empty; {_REMEDY}") from error


def _header(mapped: mmap.mmap, path: Path) -> tuple[dict[str, Any], int]:
    """The header with its entries in file order, and where the data begins."""
    try:
        (length,) = struct.unpack("<Q", mapped[:8])
        if length > _MAX_HEADER_BYTES:
            raise ValueError("its header is too long")
        header: dict[str, Any] = json.loads(mapped[8 : 8 + length])
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max(entry["data_offsets"][1] for entry in entries.values())
    except (struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(
            f"model file {path} is no safetensors file ({error}); {_REMEDY}"
        ) from error
    if 8 + length + end > len(mapped):
        raise ModelError(
            f"model file {path} has {len(mapped)} bytes, its header promises {8 + length + end}; {_REMEDY}"
        )
    ordered = sorted(entries.items(), key=lambda item: int(item[1]["data_offsets"][0]))
    return dict(ordered), 8 + length


def _tensor(mapped: mmap.mmap, entry: dict[str, Any], *, start: int, path: Path) -> Tensor:
    if entry["dtype"] not in _TYPES:
        raise ModelError(f"model file {path}: numbers of type {entry['dtype']} can't be read")
    dtype = _TYPES[entry["dtype"]]
    begin, end = entry["data_offsets"]
    count = (end - begin) // dtype.itemsize
    flat = torch.frombuffer(mapped, dtype=dtype, count=count, offset=start + begin)
    return flat.reshape(entry["shape"])


def _release(mapped: mmap.mmap, *, until: int) -> None:
    """Tell the kernel that the pages before `until` are done with; they stay in its cache, but are not ours."""
    whole_pages = until // mmap.PAGESIZE * mmap.PAGESIZE
    if whole_pages:
        mapped.madvise(mmap.MADV_DONTNEED, 0, whole_pages)


def _read_pickle(path: Path) -> Iterator[tuple[str, Tensor]]:
    """torch's own format, tensors only: `weights_only` refuses a file that would run code."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # unpickling raises whatever the file makes it raise
        first = str(error).strip().splitlines()[:1]
        raise ModelError(
            f"model file {path} can't be read ({' '.join(first)}); {_REMEDY}"
        ) from error
    yield from state.items()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"model file {path} can't be read ({error}); {_REMEDY}") from error
