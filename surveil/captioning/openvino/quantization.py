"""INT8: a smaller, faster copy of a model, calibrated on the user's own pictures; refused when it says other things.

Products are rounded to 8 bits over the range that their inputs had for those pictures (rounding.py). What that did is
measured on pictures that calibration has not seen.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from surveil.captioning.blip.model_loading import find_model
from surveil.captioning.engine import CaptionerSpec, CaptionResult, GenerationSpec, is_quantized
from surveil.captioning.openvino.rounding import Report, import_nncf, write_int8
from surveil.captioning.registry import open_captioner
from surveil.errors import ModelError
from surveil.records import Rgb

HELD_OUT = 5
"""Every fifth picture is kept from calibration, to measure with."""
LEAST_PICTURES = 10
PEAK_GB = 6
"""OpenVinoEncoderOutput with BLIP-large; smaller models need less."""


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
    report: Report,
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
    calibration = [picture for at, picture in enumerate(pictures) if at % HELD_OUT]
    folder = find_model(source, allow_download=False)
    if is_quantized(folder):
        raise ModelError(f"{folder} is in int8 already; name the model that it was made from")
    import_nncf()  # missing, it is missed before minutes are spent
    report(
        f"calibrating on {len(calibration)} pictures; BLIP-large needs about {PEAK_GB} GB of memory"
    )
    try:
        drift = _quantized(
            folder,
            target,
            calibrate_on or calibration,
            held_out=held_out,
            least_agreement=least_agreement,
            report=report,
            generation=generation or GenerationSpec(),
        )
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    record = {"source": str(folder), "pictures": len(calibration), "drift": asdict(drift)}
    (target / "quantization.json").write_text(json.dumps(record, indent=2) + "\n")
    return drift


def _quantized(
    folder: Path,
    target: Path,
    calibration: Sequence[Rgb],
    *,
    held_out: list[Rgb],
    least_agreement: float,
    report: Report,
    generation: GenerationSpec,
) -> Drift:
    """Plainly, and where that says too many other things once more with care. Raises ModelError."""
    original = _captions(folder, held_out, generation)
    for careful in (False, True):
        write_int8(folder, target, calibration, report=report, careful=careful)
        report(f"comparing {len(held_out)} held-out captions")
        drift = _drift(original, _captions(target, held_out, generation))
        if drift.same_captions >= least_agreement:
            return drift
        if not careful:
            report(f"{drift}: too few; once more, with more care")
            shutil.rmtree(target)
    raise ModelError(
        f"refused: {drift}, and at least {least_agreement:.0%} is asked for; calibrate on more pictures, "
        "from the cameras that it will watch"
    )


def _captions(model: Path, pictures: list[Rgb], generation: GenerationSpec) -> list[CaptionResult]:
    """By the default engine, which leaves a quantised folder to ours."""
    captioner = open_captioner(
        CaptionerSpec(model=str(model), device="cpu", generation=generation, max_batch=4)
    )
    found: list[CaptionResult] = []
    for at in range(0, len(pictures), captioner.max_batch):
        found += captioner.caption(pictures[at : at + captioner.max_batch])
    captioner.close()
    return found


def _drift(original: list[CaptionResult], copy: list[CaptionResult]) -> Drift:
    pairs = list(zip(original, copy, strict=True))
    moved = [
        abs(_log(was.confidence) - _log(now.confidence))
        for was, now in pairs
        if was.text == now.text
    ]
    return Drift(
        pictures=len(pairs),
        same_captions=len(moved) / len(pairs),
        log_prob_change=sum(moved) / len(moved) if moved else None,
    )


def _log(confidence: float | None) -> float:
    return math.log(max(confidence or 0.0, 1e-9))
