"""`notify:`, ways out beside MQTT. Each has a thread and a queue of its own, so none can slow another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from surveil.fields import (
    Allowed,
    CameraId,
    Contradiction,
    Duration,
    Level,
    OneOrMany,
    RelativePath,
    Section,
    Slug,
    Switch,
    Text,
    Whole,
    many,
    refuse,
    seconds,
)
from surveil.records import Severity


def _endpoint(value: SecretStr) -> SecretStr:
    """Never quoted in errors: services put their token into the path."""
    text = value.get_secret_value()
    scheme, mark, rest = text.partition("://")
    if scheme not in ("http", "https") or not mark or not rest.strip("/") or text.split() != [text]:
        raise refuse("it does not begin with http:// or https:// and a host")
    return value


Endpoint = Annotated[
    SecretStr, AfterValidator(_endpoint), Allowed("an http:// or https:// address")
]
Language = Annotated[str, Field(pattern=r"^[A-Za-z0-9+-]{1,32}$")]


class Destination(Section):
    """What every way out shares: its id, and which alerts take it."""

    id: Slug | None = Field(
        default=None, description="Names the destination; by default its type.", examples=["desk"]
    )
    rules: Annotated[tuple[Slug, ...], BeforeValidator(many), OneOrMany()] = Field(
        default=(),
        description="Only alerts of these rules; empty is all.",
        examples=[["person-climbing"]],
    )
    cameras: Annotated[tuple[CameraId, ...], BeforeValidator(many), OneOrMany()] = Field(
        default=(), description="Only these cameras; empty is all.", examples=[["entrance"]]
    )
    min_severity: Level = Field(
        default=Severity.INFO,
        description="Only alerts that matter at least this much.",
        examples=["warning"],
    )
    enabled: Switch = Field(default=True, description="`off` sends nothing here.")


class Webhook(Destination):
    """Each alert as a JSON POST, sent again until it is answered with 2xx."""

    type: Literal["webhook"] = Field(description="Which way out this is.", examples=["webhook"])
    url: Endpoint = Field(
        description="Where to post. Taken as a secret, since many services put a token into it.",
        examples=["https://desk.example/alerts"],
    )
    secret: SecretStr | None = Field(
        default=None,
        description="Key of the HMAC-SHA256 signature in the X-Surveil-Signature header.",
        examples=["${WEBHOOK_SECRET}"],
    )
    secret_file: RelativePath | None = Field(
        default=None, description="A file that holds the key instead.", examples=["webhook-secret"]
    )
    timeout_s: Duration = seconds("timeout", "10s", "For one request.", ge="100ms", le="5m")
    snapshot: Switch = Field(
        default=False, description="Whether a scaled picture rides along, base64 in the JSON."
    )


class Speech(Destination):
    """Alerts spoken aloud with espeak-ng: "person climbing at entrance"."""

    type: Literal["speech"] = Field(description="Which way out this is.", examples=["speech"])
    voice: Language = Field(default="en", description="espeak-ng's voice.", examples=["en-gb"])
    rate_wpm: Annotated[Whole, Field(ge=80, le=450)] = Field(
        default=160, description="Words a minute.", examples=[160]
    )
    template: Text = Field(
        default="{rule} at {camera}",
        description="What is said; {rule}, {camera}, {caption} and {severity} are filled in.",
    )

    def contradictions(self) -> Iterator[Contradiction]:
        left = self.template
        for word in ("{rule}", "{camera}", "{caption}", "{severity}"):
            left = left.replace(word, "")
        if "{" in left or "}" in left:
            yield Contradiction(
                ("template",), "knows only {rule}, {camera}, {caption} and {severity} in braces"
            )


class Describe(Section):
    """The newest caption of each camera spoken every so often, for people who can't see the picture."""

    type: Literal["describe"] = Field(description="Which way out this is.", examples=["describe"])
    id: Slug | None = Field(
        default=None, description="Names the destination; by default its type.", examples=["desk"]
    )
    cameras: Annotated[tuple[CameraId, ...], BeforeValidator(many), OneOrMany()] = Field(
        default=(), description="Only these cameras; empty is all.", examples=[["entrance"]]
    )
    every_s: Duration = seconds("every", "30s", "Between two sentences.", ge="2s", le="1d")
    only_changes: Switch = Field(
        default=True, description="Whether a camera that shows the same as before is passed over."
    )
    voice: Language = Field(default="en", description="espeak-ng's voice.", examples=["en-gb"])
    rate_wpm: Annotated[Whole, Field(ge=80, le=450)] = Field(
        default=160, description="Words a minute.", examples=[160]
    )
    enabled: Switch = Field(default=True, description="`off` says nothing.")


Notify = Annotated[Webhook | Speech | Describe, Field(discriminator="type")]
