"""`mqtt:`, the broker that alerts and states go to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints

from surveil.fields import (
    Allowed,
    Contradiction,
    Duration,
    OrSwitch,
    RelativePath,
    Section,
    Switch,
    Text,
    Whole,
    refuse,
    seconds,
)

Topic = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\x00-\x20#+$/][^\x00-\x20#+/]*(/[^\x00-\x20#+/]+)*$", max_length=200
    ),
    Allowed("levels joined by /, without spaces, # or +, neither beginning nor ending with /"),
]
Host = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,253}$"),
    Allowed("a host name or address, without scheme and port"),
]


def _five(value: Any) -> Any:
    """Nobody puts a 5 in quotes."""
    return "5" if value == 5 and not isinstance(value, bool) else value


def _on_or_section(value: Any) -> Any:
    """`tls: on` is TLS with the system's certificates; `off` is none."""
    words: dict[str, Any] = {"on": {}, "yes": {}, "off": None, "no": None}
    if isinstance(value, bool):
        return {} if value else None
    if isinstance(value, str):
        if value not in words:
            raise refuse("")
        return words[value]
    return {} if value is None else value


class Tls(Section):
    """Encryption on the way to the broker. `tls: on` is enough where the system knows its certificate."""

    ca: RelativePath | None = Field(
        default=None,
        description="Certificates to trust, PEM; by default the system's.",
        examples=["ca.pem"],
    )
    cert: RelativePath | None = Field(
        default=None, description="This client's certificate, PEM.", examples=["edge-01.pem"]
    )
    key: RelativePath | None = Field(
        default=None, description="Its private key, PEM.", examples=["edge-01.key"]
    )
    key_password: SecretStr | None = Field(
        default=None, description="Opens the private key.", examples=["${MQTT_KEY_PASSWORD}"]
    )
    key_password_file: RelativePath | None = Field(
        default=None, description="A file that holds it instead.", examples=["mqtt-key-password"]
    )
    verify: Switch = Field(
        default=True,
        description="`off` accepts any certificate: whoever is in between can read and forge.",
    )

    def contradictions(self) -> Iterator[Contradiction]:
        if (self.cert is None) != (self.key is None):
            here, missing = ("cert", "key") if self.key is None else ("key", "cert")
            yield Contradiction((here,), f"needs {missing}: beside it")
        if (self.key_password or self.key_password_file) and self.key is None:
            yield Contradiction(("key_password",), "opens no key: there is no key: beside it")


class HomeAssistant(Section):
    """Discovery, so that cameras appear in Home Assistant by themselves."""

    enabled: Switch = Field(default=True, description="Whether discovery messages are sent.")
    discovery_prefix: Topic = Field(
        default="homeassistant", description="Home Assistant's own topic prefix."
    )


class Mqtt(Section):
    """The broker that alerts and states go to."""

    host: Host = Field(description="Name or address of the broker.", examples=["192.0.2.5"])
    port: Annotated[Whole, Field(ge=1, le=65535)] | None = Field(
        default=None, description="By default 1883, and 8883 with TLS.", examples=[1883]
    )
    tls: Annotated[
        Tls | None,
        BeforeValidator(_on_or_section),
        OrSwitch(),
        Allowed("on, off, or a section with ca, cert, key"),
    ] = Field(default=None, description="Encryption; `on`, or a section.", examples=["on"])
    username: Text | None = Field(default=None, description="For the broker.", examples=["surveil"])
    password: SecretStr | None = Field(
        default=None, description="For the broker.", examples=["${MQTT_PASSWORD}"]
    )
    password_file: RelativePath | None = Field(
        default=None,
        description="A file that holds the password instead.",
        examples=["mqtt-password"],
    )
    client_id: (
        Annotated[
            str,
            StringConstraints(min_length=1, max_length=128),
            Allowed("1 to 128 characters"),
        ]
        | None
    ) = Field(
        default=None,
        description="By default made from the node and the machine; two clients with one id drive each other out.",
        examples=["surveil-edge-01"],
    )
    topic_prefix: Topic = Field(
        default="surveil/{node}",
        description="All topics begin with it; `{node}` is the node's name.",
    )
    protocol: Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(_five)] = Field(
        default="auto", description="`auto` tries MQTT 5 and falls back to 3.1.1."
    )
    keepalive_s: Duration = seconds(
        "keepalive",
        "30s",
        "A silent connection is lost after one and a half of it.",
        ge="5s",
        le="1h",
    )
    connect_timeout_s: Duration = seconds(
        "connect_timeout", "10s", "Giving up on a broker that does not answer.", ge="1s", le="5m"
    )
    max_inflight: Annotated[Whole, Field(ge=1, le=65535)] = Field(
        default=20, description="Messages under way without an acknowledgement."
    )
    max_queued: Annotated[Whole, Field(ge=1, le=100_000)] = Field(
        default=200,
        description="Alerts read ahead from the disk, where all of them wait until they are acknowledged.",
    )
    snapshot_max_px: Annotated[Whole, Field(ge=0, le=4096)] = Field(
        default=960, description="Longer side of the retained picture, pixels; 0 sends none."
    )
    homeassistant: HomeAssistant = Field(
        default=HomeAssistant(),
        description="Discovery, so that cameras appear in Home Assistant by themselves.",
    )

    def contradictions(self) -> Iterator[Contradiction]:
        if (self.password or self.password_file) and not self.username:
            yield Contradiction(("password",), "has no username beside it: add username:")
        left = self.topic_prefix.replace("{node}", "")
        if "{" in left or "}" in left:
            yield Contradiction(("topic_prefix",), "knows only {node} in braces")

    @property
    def port_or_default(self) -> int:
        """The port that is used."""
        return self.port or (8883 if self.tls is not None else 1883)
