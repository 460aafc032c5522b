"""`remote:`, the endpoint that the remote engine asks. Imports nothing of the engine."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from surveil.captioning.engine import CaptionerSpec
from surveil.captioning.registry import EngineKind, OwnKey, register
from surveil.fields import Allowed, Duration, RelativePath, Section, Text, Whole, seconds

NAME = "remote"
HttpUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$"),
    Allowed("http:// or https:// and a host, without user, password or query"),
]


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
        description="Most tries for one picture before the batch counts as failed; all of them stay within "
        "captioner.deadline.",
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


WITHIN = 0.9
"""Of the deadline, which the watchdog keeps too: the answer has still to be told."""


def budget_s(spec: CaptionerSpec) -> float:
    """What all tries for one batch may take together."""
    return WITHIN * spec.deadline_s


def clamped(spec: CaptionerSpec) -> str | None:
    """Only of what was written: the defaults mean as many tries as there is time for."""
    remote = spec.own
    if not isinstance(remote, Remote) or not {"timeout_s", "attempts"} & remote.model_fields_set:
        return None
    asked_s = remote.attempts * remote.timeout_s
    if asked_s <= spec.deadline_s:
        return None
    return (
        f"remote: {remote.attempts} attempts of {remote.timeout_s:g} s do not fit into the {spec.deadline_s:g} s that "
        f"captioner.deadline leaves this engine: it gives up after {budget_s(spec):g} s"
    )


register(
    EngineKind(
        name=NAME,
        does="ask a server",
        opener="surveil.captioning.remote_engine:open_remote",
        gives_confidence=False,
        clamped=clamped,
        own_key=OwnKey(
            Remote,
            f"The endpoint, with engine {NAME}.",
            shown=lambda remote: f"{remote.model} at {remote.base_url}",
        ),
    )
)
