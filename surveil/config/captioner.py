"""`captioner:`, the engine that looks at pictures and writes sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
)

from surveil.config.fields import (
    Allowed,
    Contradiction,
    Duration,
    Number,
    OneOrMany,
    RelativePath,
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
    Allowed("auto, cpu, cuda, cuda:N, npu, npu:N; gpu, gpu:N and npu also with engine openvino"),
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
HttpUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$"),
    Allowed("http:// or https:// and a host, without user, password or query"),
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


class Remote(Section):
    """An OpenAI-compatible endpoint that reads pictures (vLLM, Ollama, llama.cpp's server)."""

    base_url: HttpUrl = Field(
        description="Up to and including /v1.", examples=["http://192.0.2.20:8000/v1"]
    )
    model: Text = Field(
        description="The model's name on that server.", examples=["qwen2.5-vl-7b-instruct"]
    )
    api_key: SecretStr | None = Field(
        default=None, description="Sent as a bearer token.", examples=["${VISION_API_KEY}"]
    )
    api_key_file: RelativePath | None = Field(
        default=None, description="A file that holds the key instead.", examples=["vision-api-key"]
    )
    timeout_s: Duration = seconds("timeout", "30s", "For one request.", ge="100ms", le="10m")
    concurrency: Annotated[Whole, Field(ge=1, le=64)] = Field(
        default=2, description="Requests under way at once.", examples=[4]
    )
    attempts: Annotated[Whole, Field(ge=1, le=10)] = Field(
        default=3,
        description="Tries for one picture before the batch counts as failed.",
        examples=[3],
    )
    backoff_s: Duration = seconds(
        "backoff", "500ms", "Before the second attempt; doubles each time.", ge="0s", le="1m"
    )
    instruction: Text = Field(
        default="Describe this security camera picture in one short plain sentence.",
        description="What the model is asked.",
    )
    input_px: Annotated[Whole, Field(ge=64, le=4096)] = Field(
        default=768, description="Longer side of the picture that is sent, pixels.", examples=[768]
    )
    jpeg_quality: Annotated[Whole, Field(ge=20, le=100)] = Field(
        default=85, description="Of the picture that is sent.", examples=[85]
    )


class Engine(Section):
    """Which model runs where. The captioner itself and its fallback are both described by these keys."""

    engine: Literal["torch", "openvino", "remote", "script"] = Field(
        default="torch",
        description="`torch` and `openvino` run BLIP here; `remote` asks a server; `script` reads a file.",
    )
    model: Model = Field(
        default="Salesforce/blip-image-captioning-large",
        description="Hub name or folder of a BLIP model (torch, openvino).",
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
    remote: Remote | None = Field(default=None, description="The endpoint, with engine remote.")
    script: RelativePath | None = Field(
        default=None,
        description="JSON lines with captions, with engine script: for drills and load tests.",
        examples=["drill.jsonl"],
    )

    def contradictions(self) -> Iterator[Contradiction]:
        for key in ("remote", "script"):
            if self.engine == key and getattr(self, key) is None:
                yield Contradiction(("engine",), f"is {key}, but there is no {key}: beside it")
            if self.engine != key and getattr(self, key) is not None:
                yield Contradiction((key,), f"is given, but engine is {self.engine}: choose one")
        if len(set(self.devices)) < len(self.devices):
            yield Contradiction(("device",), "names one device twice")
        yield from self._devices_of_another_engine()

    def _devices_of_another_engine(self) -> Iterator[Contradiction]:
        known = {"torch": ("auto", "cpu", "cuda", "npu"), "openvino": ("auto", "cpu", "gpu", "npu")}
        for device in self.devices:
            names = known.get(self.engine, ())
            if names and not device.startswith(names):
                text = (
                    f"{device} is no device of the {self.engine} engine; it has {', '.join(names)}"
                )
                yield Contradiction(("device",), text)

    @property
    def gives_confidence(self) -> bool:
        """Whether captions carry a number; a remote server's do not."""
        return self.engine != "remote"


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
