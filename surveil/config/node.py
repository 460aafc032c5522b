"""`log:`, `memory:`, `http:` and `canary:`: how the process itself behaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from surveil.fields import (
    Allowed,
    Contradiction,
    Duration,
    Phrase,
    RelativePath,
    Section,
    Size,
    Switch,
    Whole,
    refuse,
    seconds,
    size,
)


class Log(Section):
    """One line an event, to standard error or the journal."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged."
    )
    format: Literal["auto", "text", "journal", "json"] = Field(
        default="auto",
        description="`auto` is `journal` (with priorities) under systemd, and `text` elsewhere.",
    )


class Memory(Section):
    """Caps of what is held in memory."""

    cap_bytes: Size | None = size(
        "cap",
        None,
        "All memory of the process: buffers, queues and batches are sized to fit. By default the control group's "
        "limit, or four fifths of the machine.",
        ge="256MiB",
        le="1TB",
        example="3GiB",
    )
    ring_bytes: Size = size(
        "ring",
        "256MiB",
        "Decoded frames of all cameras; the oldest leave first. A 1080p frame is 3.1 MB.",
        ge="8MiB",
        le="64GiB",
    )
    packets_bytes: Size = size(
        "packets",
        "128MiB",
        "Undecoded packets of all cameras, for clips and the moment before.",
        ge="1MiB",
        le="64GiB",
    )
    unsaved_alerts: Annotated[Whole, Field(ge=1, le=100_000)] = Field(
        default=1000, description="Alerts held in memory while the disk refuses them."
    )


def _listen(value: str) -> str:
    if value == "off" or (value.startswith("unix:") and len(value) > 5):
        return value
    host, colon, port = value.rpartition(":")
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 1 <= int(port) <= 65535:
        raise refuse("")
    if name != "localhost":
        _check_ip(name)
    return value


def _check_ip(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise refuse("") from None


Listen = Annotated[
    str,
    AfterValidator(_listen),
    Allowed("an address and port such as 127.0.0.1:9878 or [::1]:9878; unix:/path; off"),
]


class Http(Section):
    """Health, metrics and, if asked for, the pictures of alerts."""

    listen: Listen = Field(
        default="127.0.0.1:9878",
        description="Where /healthz, /readyz and /metrics are served. Anything but loopback needs a token.",
        examples=["unix:/run/surveil/http.sock", "off"],
    )
    token: SecretStr | None = Field(
        default=None,
        description="Bearer token that requests must carry; /healthz and /readyz on loopback need none.",
        examples=["${SURVEIL_TOKEN}"],
    )
    token_file: RelativePath | None = Field(
        default=None, description="A file that holds the token instead.", examples=["http-token"]
    )
    snapshots: Switch = Field(
        default=False, description="Whether /alerts/<id>.jpg is served, to those with the token."
    )

    def contradictions(self) -> Iterator[Contradiction]:
        has_token = self.token is not None or self.token_file is not None
        if not self.local and not has_token:
            yield Contradiction(
                ("listen",),
                f"{self.listen} can be reached from other machines: add token: or token_file:, or listen on 127.0.0.1",
            )
        if self.snapshots and not has_token:
            yield Contradiction(("snapshots",), "needs token: or token_file:")

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.listen == "off" or self.listen.startswith(("unix:", "localhost:")):
            return True
        return ip_address(self.listen.rpartition(":")[0].strip("[]")).is_loopback


class Canary(Section):
    """A known picture sent all the way to MQTT, to prove that an alert would arrive. `canary: off` sends none."""

    enabled: Switch = Field(default=True, description="`off`: no proof is made.")
    every_s: Duration = seconds("every", "1h", "Between two proofs.", ge="1m", le="7d")
    picture: RelativePath | None = Field(
        default=None, description="Another picture than the built-in one.", examples=["canary.jpg"]
    )
    pattern: Phrase | None = Field(
        default=None,
        description="What its caption must assert; by default the caption of the first run must come again.",
        examples=["person climbing"],
    )
