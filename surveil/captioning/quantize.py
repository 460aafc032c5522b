"""INT8: a smaller, faster copy of a model, calibrated on the user's own pictures; refused when it says other things.

Only the vision tower is quantised, by OpenVINO's NNCF: activations are observed over the calibration pictures and
rounded to 8 bits, which is right for pictures like those. What that did is measured on pictures that calibration has
not seen.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from surveil.captioning.devices import Device
from surveil.captioning.engine import Captioner, CaptionerSpec, GenerationSpec
from surveil.captioning.loading import find_model, load_blip
from surveil.captioning.opening import INT8_TOWER, open_captioner
from surveil.captioning.openvino_engine import (
    convert_tower,
    import_openvino,
    other_peoples_warnings_off,
)
from surveil.captioning.pictures import to_pixels
from surveil.captioning.weights import read_weights
from surveil.errors import DeviceError, ModelError
from surveil.records import Rgb

HELD_OUT = 5
"""Every fifth picture is kept from calibration, to measure with."""
LEAST_PICTURES = 10
PEAK_GB = 8
"""Seen with BLIP-large; smaller models need less."""
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the copy has moved from the original, on pictures that neither calibration nor training here has seen."""

    pictures: int
    same_captions: float
    """Share of the pictures that get word for word the original's caption."""
    log_prob_change: float | None
    """Mean absolute change of a token's log-probability, over the pictures with the same caption; None without any."""

    def __str__(self) -> str:
        change = "unknown" if self.log_prob_change is None else f"{self.log_prob_change:.3f}"
        return (
            f"{self.same_captions:.0%} of {self.pictures} held-out captions are the same; "
            f"a token's log-probability moved by {change} on average"
        )


def quantize(
    source: str,
    target: Path,
    pictures: Sequence[Rgb],
    *,
    least_agreement: float,
    told: Told,
    generation: GenerationSpec | None = None,
    calibrate_on: Sequence[Rgb] | None = None,
) -> Drift:
    """Writes `target`, a folder that opens like any model, and returns what the change cost.

    `calibrate_on` replaces the pictures of calibration, for tests. Raises ModelError (and leaves no folder) when fewer
    than `least_agreement` of the held-out captions are the same, or when there are too few pictures.
    """
    if len(pictures) < LEAST_PICTURES:
        raise ModelError(
            f"{len(pictures)} pictures are too few to calibrate on; {LEAST_PICTURES} at least, "
            "a few hundred from all cameras, by day and by night, are better"
        )
    if target.exists():
        raise ModelError(f"{target} exists already; name a folder that does not")
    held_out = list(pictures[::HELD_OUT])
    seen = [picture for at, picture in enumerate(pictures) if at % HELD_OUT]
    told(f"calibrating on {len(seen)} pictures; BLIP-large needs about {PEAK_GB} GB of memory")
    folder = find_model(source, allow_download=False)
    try:
        write_int8(folder, target, calibrate_on or seen, told=told)
        told(f"comparing {len(held_out)} held-out captions")
        drift = _compare(folder, target, held_out, generation or GenerationSpec())
        if drift.same_captions < least_agreement:
            raise ModelError(
                f"refused: {drift}, and at least {least_agreement:.0%} is asked for; calibrate on more pictures, "
                "from the cameras that it will watch"
            )
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    record = {"source": str(folder), "pictures": len(seen), "drift": asdict(drift)}
    (target / "quantization.json").write_text(json.dumps(record, indent=2) + "\n")
    return drift


def write_int8(folder: Path, target: Path, pictures: Sequence[Rgb], *, told: Told) -> None:
    """The copy, not yet compared with anything."""
    nncf, ov = _import_nncf(), import_openvino()
    tower = convert_tower(str(folder))
    spec = load_blip(str(folder), dtype=torch.float32, device=Device("cpu"), parts=()).pictures
    steps = iter(range(1, len(pictures) + 1))

    def as_input(picture: Rgb) -> Any:
        at = next(steps, None)
        if at is not None and at % 10 == 0:
            told(f"  {at} of {len(pictures)}")
        return to_pixels([picture], spec, device=Device("cpu"), dtype=torch.float32).numpy()

    with other_peoples_warnings_off():
        small = nncf.quantize(
            tower,
            nncf.Dataset(pictures, as_input),
            model_type=nncf.ModelType.TRANSFORMER,
            # Attention in int8 was slower than in bf16 or fp32 (0.22 to 0.19 s an image with AMX, 0.59 to 0.44 without
            # it): its rounding costs more than its two small products save.
            ignored_scope=nncf.IgnoredScope(types=["ScaledDotProductAttention"]),
            subset_size=len(pictures),
        )
    target.mkdir(parents=True)
    ov.save_model(small, target / INT8_TOWER)
    del tower, small
    for path in folder.iterdir():
        if path.suffix in (".json", ".txt") and "index" not in path.name:
            shutil.copyfile(path, target / path.name)
    cpu = torch.device("cpu")
    words = dict(read_weights(folder, dtype=torch.bfloat16, device=cpu, parts=("text_decoder",)))
    save_file(words, target / "model.safetensors", metadata={"format": "pt"})


def _compare(folder: Path, target: Path, pictures: list[Rgb], generation: GenerationSpec) -> Drift:
    said = []
    for model, engine in ((folder, "torch"), (target, "openvino")):
        spec = CaptionerSpec(
            model=str(model), engine=engine, device="cpu", generation=generation, max_batch=4
        )
        captioner = open_captioner(spec)
        said.append(_captions(captioner, pictures))
        captioner.close()
    pairs = list(zip(*said, strict=True))
    same = [(was, now) for (text, was), (other, now) in pairs if text == other]
    moved = [abs(math.log(max(was, 1e-9)) - math.log(max(now, 1e-9))) for was, now in same]
    return Drift(
        pictures=len(pictures),
        same_captions=len(same) / len(pictures),
        log_prob_change=sum(moved) / len(moved) if moved else None,
    )


def _captions(captioner: Captioner, pictures: list[Rgb]) -> list[tuple[str, float]]:
    found = []
    for at in range(0, len(pictures), captioner.max_batch):
        for said in captioner.caption(pictures[at : at + captioner.max_batch]):
            found.append((said.text, said.confidence or 0.0))
    return found


def _import_nncf() -> Any:
    try:
        with other_peoples_warnings_off():
            import nncf
    except ImportError as error:
        raise DeviceError(
            "quantising needs NNCF, which is not installed; `pip install 'surveil[openvino]'`"
        ) from error
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf
