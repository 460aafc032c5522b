"""The captioner's door: what an engine is, what it says, and the plain values it is opened with.

Nothing here imports torch; `open_captioner` in `registry.py` does, when it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from surveil.errors import ConfigError
from surveil.records import PictureSize, Rgb

PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")
INT8_VISION_ENCODER, INT8_TEXT_DECODER = "seeing_int8.xml", "saying_int8.xml"
"""In a quantised model's folder, each with its .bin beside it; it is OpenVINO's, whatever engine was named. The files
keep the names that they were first given, so that folders which are out there go on working."""


def is_quantized(folder: Path) -> bool:
    """Whether `surveil model quantize` made it: int8 and nothing else."""
    return (folder / INT8_VISION_ENCODER).is_file()


@dataclass(frozen=True, slots=True)
class CaptionResult:
    """One engine's answer to one picture."""

    text: str
    """Prompt removed, white space collapsed."""
    confidence: float | None
    """As `surveil.records.Caption.confidence`; None where the engine gives none."""


class Captioner(Protocol):
    """A loaded engine. One thread at a time may call `caption`; the properties are constant, for any thread."""

    @property
    def model_id(self) -> str:
        """The model's folder or hub name, without a path; goes into captions and alerts."""
        ...

    @property
    def gives_confidence(self) -> bool: ...

    @property
    def picture_size(self) -> PictureSize:
        """What pictures are best scaled to; other sizes are scaled here, more slowly."""
        ...

    @property
    def takes_prompt(self) -> bool:
        """Whether `prompt` changes what it says; where it does not, cameras of different prompts share a batch."""
        ...

    @property
    def takes_question(self) -> bool:
        """Whether it can be asked about a picture, and not only what it shows."""
        ...

    @property
    def device(self) -> str:
        """As torch writes it, `cpu`, `cuda:0`, `npu:1`; a remote engine gives its host."""
        ...

    @property
    def precision(self) -> str: ...

    @property
    def max_batch(self) -> int:
        """Most pictures worth handing over at once; measured by `warm_up` where the spec left it open."""
        ...

    def caption(self, pictures: Sequence[Rgb], *, prompt: str | None = None) -> list[CaptionResult]:
        """One answer per picture, in order. Raises CaptionError, OutOfMemoryError."""
        ...

    def warm_up(self) -> None:
        """Run once on an empty picture, so that the first real one is not the slow one."""
        ...

    def close(self) -> None:
        """Give the memory back. Nothing else may be called afterwards."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """An engine that waits for others, and can be told to leave it."""

    def interrupt(self) -> None:
        """End `caption` with a CaptionError, now if it is under way, and whenever it is called. Any thread."""
        ...


@dataclass(frozen=True, slots=True)
class GenerationSpec:
    """How sentences are searched for; the names and meanings are those of transformers' `generate`.

    None leaves a parameter at transformers' own default. Raises ConfigError when two values contradict each other.
    """

    max_new_tokens: int | None = None
    """Tokens after the prompt, the end token included; 20 when `max_length` is not given either."""
    max_length: int | None = None
    """The same with the begin token and the prompt counted."""
    min_new_tokens: int | None = None
    min_length: int | None = None
    num_beams: int = 3
    do_sample: bool = False
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    length_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    early_stopping: bool | None = None

    def __post_init__(self) -> None:
        problems = generation_problems(self)
        if problems:
            raise ConfigError("\n".join(problems))


@dataclass(frozen=True, slots=True)
class CaptionerSpec:
    """Everything `open_captioner` needs, as plain values. One captioner, one device, one thread."""

    model: str = ""
    """Folder or hub name, for engines that load one."""
    engine: str = ""
    """As registered; empty: the default."""
    own: object = None
    """The value of the engine's own key in the configuration, which its `_config` module describes."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda:1` ...; which of them there are is the engine's to say."""
    precision: str = "auto"
    """`auto | fp32 | bf16 | fp16 | int8`."""
    generation: GenerationSpec = field(default_factory=GenerationSpec)
    threads: int | None = None
    """CPU threads for torch and OpenVINO, process-wide; None leaves them at the number of cores."""
    max_batch: int | None = None
    """None: measured at warm-up."""
    deadline_s: float = 60.0
    """One inference that takes longer counts as hung; see CaptionsWorker.allowance_s. An engine and its fallback share
    it."""
    allow_download: bool = False
    """Whether a hub name may be fetched when it is not in the local cache."""
    seed: int | None = None
    """For `do_sample`; None draws differently at every start."""
    fallback: CaptionerSpec | None = None
    """Takes over while this engine fails; its captions carry its own model_id."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigError(
                f"precision is {self.precision!r}; allowed are {', '.join(PRECISIONS)}"
            )

    @property
    def model_folder(self) -> Path:
        return Path(self.model).expanduser()

    @property
    def is_quantized(self) -> bool:
        return is_quantized(self.model_folder)


_AT_LEAST = {
    "max_new_tokens": 1,
    "max_length": 2,
    "min_new_tokens": 0,
    "min_length": 0,
    "num_beams": 1,
    "top_k": 0,
    "no_repeat_ngram_size": 0,
}
_SAMPLING_ONLY = ("temperature", "top_k", "top_p")


def generation_problems(spec: GenerationSpec) -> list[str]:
    """Each contradiction in one sentence that begins with the parameter's name; empty when all is well."""
    return [*_out_of_range(spec), *_contradictions(spec)]


def _out_of_range(spec: GenerationSpec) -> list[str]:
    found = [
        f"{name} is {value}; at least {low} is needed"
        for name, low in _AT_LEAST.items()
        if (value := getattr(spec, name)) is not None and value < low
    ]
    for name in ("temperature", "repetition_penalty"):
        value = getattr(spec, name)
        if value is not None and value <= 0:
            found.append(f"{name} is {value}; it must be above 0")
    if spec.top_p is not None and not 0 < spec.top_p <= 1:
        found.append(f"top_p is {spec.top_p}; it must be above 0 and at most 1")
    return found


def _contradictions(spec: GenerationSpec) -> list[str]:
    found = [
        f"{name} has no effect without do_sample: set do_sample: true or remove {name}"
        for name in _SAMPLING_ONLY
        if not spec.do_sample and getattr(spec, name) is not None
    ]
    found += [
        f"{name} has no effect with num_beams: 1: remove it or search with more beams"
        for name in ("length_penalty", "early_stopping")
        if spec.num_beams == 1 and getattr(spec, name) is not None
    ]
    if spec.max_length is not None and spec.max_new_tokens is not None:
        found.append("max_length and max_new_tokens are both set: keep one")
    return found
