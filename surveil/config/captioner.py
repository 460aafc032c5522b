"""`captioner:`, the engine that looks at pictures and writes sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    create_model,
)

from surveil.captioning.engine import CaptionerSpec, GenerationSpec
from surveil.captioning.registry import EngineKind, engine, engine_names
from surveil.config.fill import fill
from surveil.fields import (
    Allowed,
    Contradiction,
    Duration,
    Number,
    OneOrMany,
    Section,
    Switch,
    Text,
    Whole,
    many,
    seconds,
)

DEVICE = r"^(auto|cpu|(cuda|npu|gpu)(:\d{1,2})?)$"
Device = Annotated[
    str,
    StringConstraints(pattern=DEVICE),
    Allowed("; ".join(filter(None, (engine(name).devices_allowed for name in engine_names())))),
]


def _model(value: str, info: ValidationInfo) -> str:
    """A hub name stays as it is; what is a path, or is there, becomes an absolute one."""
    path = Path(value).expanduser() if value.startswith("~/") else Path(value)
    folder = (info.context or {}).get("folder")
    if folder is None or "\0" in value:
        return value
    looks_local = value.startswith(("/", "./", "../", "~/"))
    return (
        os.path.normpath(Path(folder) / path)
        if looks_local or os.path.isdir(Path(folder) / path)
        else value
    )


Model = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4096),
    AfterValidator(_model),
    Allowed(
        "a hub name such as Salesforce/blip-image-captioning-base, or a folder such as ./models/blip"
    ),
]


class Generation(Section):
    """How a sentence is searched for; names and meanings are those of transformers' `generate`."""

    max_new_tokens: Annotated[Whole, Field(ge=1, le=200)] | None = Field(
        default=None,
        description="Longest caption in tokens, prompt not counted; 20 where max_length is not given either.",
        examples=[30],
    )
    max_length: Annotated[Whole, Field(ge=2, le=500)] | None = Field(
        default=None,
        description="The same with the begin token and the prompt counted.",
        examples=[30],
    )
    min_new_tokens: Annotated[Whole, Field(ge=0, le=200)] | None = Field(
        default=None, description="Shortest caption in tokens, prompt not counted.", examples=[5]
    )
    min_length: Annotated[Whole, Field(ge=0, le=500)] | None = Field(
        default=None,
        description="The same with the begin token and the prompt counted.",
        examples=[5],
    )
    num_beams: Annotated[Whole, Field(ge=1, le=16)] = Field(
        default=3,
        description="Sentences searched side by side; 1 is greedy and fastest.",
        examples=[3],
    )
    do_sample: Switch = Field(
        default=False, description="Draw words at random instead of taking the likeliest."
    )
    temperature: Annotated[Number, Field(gt=0, le=100)] | None = Field(
        default=None, description="Above 1 bolder, below 1 safer. Needs do_sample.", examples=[0.7]
    )
    top_k: Annotated[Whole, Field(ge=0, le=100_000)] | None = Field(
        default=None,
        description="Draw among this many likeliest words. Needs do_sample.",
        examples=[50],
    )
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="Draw among the likeliest words that hold this much probability. Needs do_sample.",
        examples=[0.9],
    )
    repetition_penalty: Annotated[Number, Field(gt=0, le=10)] | None = Field(
        default=None, description="Above 1 discourages repeated words.", examples=[1.2]
    )
    length_penalty: Annotated[Number, Field(ge=-10, le=10)] | None = Field(
        default=None,
        description="Above 0 favours longer captions. Needs num_beams over 1.",
        examples=[1.0],
    )
    no_repeat_ngram_size: Annotated[Whole, Field(ge=0, le=20)] | None = Field(
        default=None, description="No run of this many tokens may come twice.", examples=[3]
    )
    early_stopping: Switch | None = Field(
        default=None,
        description="End the search once enough sentences are complete. Needs num_beams over 1.",
        examples=[True],
    )

    def contradictions(self) -> Iterator[Contradiction]:
        yield from self._without_effect()
        if self.max_length is not None and self.max_new_tokens is not None:
            yield Contradiction(("max_length",), "and max_new_tokens are both set: keep one")
        for low, high in (("min_length", "max_length"), ("min_new_tokens", "max_new_tokens")):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and least > most:
                yield Contradiction((low,), f"is {least}, which is more than {high}, {most}")

    def _without_effect(self) -> Iterator[Contradiction]:
        for key in ("temperature", "top_k", "top_p"):
            if getattr(self, key) is not None and not self.do_sample:
                yield Contradiction(
                    (key,), "has no effect without do_sample: add do_sample: true or remove it"
                )
        for key in ("length_penalty", "early_stopping"):
            if getattr(self, key) is not None and self.num_beams == 1:
                yield Contradiction(
                    (key,), "has no effect with num_beams: 1: search with more beams or remove it"
                )


T = TypeVar("T")
_KINDS = tuple(map(engine, engine_names()))
_LOADING = ", ".join(kind.name for kind in _KINDS if kind.loads_model)


class CommonKeys(Section):
    """Which model runs where. The captioner itself and its fallback are both described by these keys."""

    engine: str = engine_names()[0]
    model: Model = Field(
        default="Salesforce/blip-image-captioning-large",
        description=f"Hub name or folder of a BLIP model ({_LOADING}).",
        examples=["./models/blip-base"],
    )
    devices: Annotated[
        tuple[Device, ...], BeforeValidator(many), OneOrMany(), Field(min_length=1, max_length=16)
    ] = Field(
        default=("auto",),
        alias="device",
        description="Where it runs; a list of several gives each a captioner thread.",
        examples=["auto", ["npu:0", "npu:1"]],
    )
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = Field(
        default="auto", description="Of the arithmetic; `auto` is the fastest that the device has."
    )
    threads: Annotated[Whole, Field(ge=1, le=1024)] | None = Field(
        default=None, description="Processor threads; by default one a core.", examples=[4]
    )
    seed: Annotated[Whole, Field(ge=0, le=2**32 - 1)] | None = Field(
        default=None, description="Makes do_sample draw the same at every start.", examples=[1]
    )
    allow_download: Switch = Field(
        default=False,
        description="Whether a hub name may be fetched at start; else fetch it ahead with `surveil model fetch`.",
    )
    generation: Generation = Field(
        default=Generation(), description="How a sentence is searched for."
    )

    def contradictions(self) -> Iterator[Contradiction]:
        for kind in _KINDS:
            if kind.own_key is None:
                continue
            given = getattr(self, kind.name) is not None
            if self.engine == kind.name and not given:
                text = f"is {kind.name}, but there is no {kind.name}: beside it"
                yield Contradiction(("engine",), text)
            if self.engine != kind.name and given:
                text = f"is given, but engine is {self.engine}: choose one"
                yield Contradiction((kind.name,), text)
        if len(set(self.devices)) < len(self.devices):
            yield Contradiction(("device",), "names one device twice")
        yield from self._devices_of_another_engine()

    def _devices_of_another_engine(self) -> Iterator[Contradiction]:
        names = self.kind.devices
        for device in self.devices:
            if names and not device.startswith(names):
                text = (
                    f"{device} is no device of the {self.engine} engine; it has {', '.join(names)}"
                )
                yield Contradiction(("device",), text)

    @property
    def kind(self) -> EngineKind:
        """What may be asked of the engine without loading it."""
        return engine(self.engine)

    @property
    def own(self) -> Any:
        """The value of the engine's own key, `remote:` or `script:`; None where it has none."""
        return getattr(self, self.kind.name) if self.kind.own_key is not None else None

    @property
    def source(self) -> str:
        """Where the captions come from, in a few words."""
        return self.kind.source(model=self.model, own=self.own)


def _engine_keys() -> dict[str, Any]:
    """`engine:` with the registered names, and the keys that belong to one engine."""
    names = engine_names()
    keys: dict[str, Any] = {
        "engine": (Literal[names], Field(default=names[0], description=_what_each_does()))
    }
    for kind in _KINDS:
        if kind.own_key is not None:
            own = kind.own_key
            examples = list(own.examples) or None
            keys[kind.name] = (
                own.annotation | None,
                Field(default=None, description=own.description, examples=examples),
            )
    return keys


def _what_each_does() -> str:
    """One sentence, for the schema and the reference page."""
    parts = []
    for does in dict.fromkeys(kind.does for kind in _KINDS):
        names = [f"`{kind.name}`" for kind in _KINDS if kind.does == does]
        verb, _, rest = does.partition(" ")
        parts.append(f"{' and '.join(names)} {verb}{'s' if len(names) == 1 else ''} {rest}")
    return f"{'; '.join(parts)}."


if TYPE_CHECKING:
    Engine = CommonKeys
else:
    Engine = create_model(
        "Engine",
        __base__=CommonKeys,
        __module__=__name__,
        __doc__=CommonKeys.__doc__,
        **_engine_keys(),
    )


class Captioner(Engine):
    """The engine that looks at pictures and writes sentences."""

    prompt: Text | None = Field(
        default=None,
        description="Words the caption begins with; stripped from what comes out. Best left out for alerts.",
        examples=["a photo of"],
    )
    max_batch: Annotated[Whole, Field(ge=1, le=256)] | None = Field(
        default=None,
        description="Most pictures in one go; by default measured at start.",
        examples=[4],
    )
    max_wait_s: Duration = seconds(
        "max_wait", "100ms", "How long a batch waits to fill.", ge="0s", le="10s"
    )
    deadline_s: Duration = seconds(
        "deadline",
        "1m",
        "An inference that takes longer counts as hung, and the watchdog restarts the process.",
        ge="1s",
        le="1h",
    )
    fallback: Engine | None = Field(
        default=None,
        description="Takes over while the engine above fails; same keys, without a fallback.",
    )

    def specs(self) -> list[CaptionerSpec]:
        """What opens it, one a device; each has the fall-back's, on the first of its devices."""
        second = self.fallback
        shared = {"max_batch": self.max_batch, "deadline_s": self.deadline_s}
        fallback = second and _spec(second, device=second.devices[0], fallback=None, **shared)
        return [_spec(self, device=device, fallback=fallback, **shared) for device in self.devices]


def _spec(section: CommonKeys, **given: object) -> CaptionerSpec:
    generation = fill(GenerationSpec, section.generation)
    return fill(CaptionerSpec, section, own=section.own, generation=generation, **given)
