"""`cameras:`, one entry a camera; and `sampling:`, what all of them start from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
)

from surveil.config.addresses import Address, AddressKind, kind_of, public_address, split_login
from surveil.fields import (
    Allowed,
    CameraId,
    Contradiction,
    Duration,
    Fraction,
    OrSwitch,
    RelativePath,
    Section,
    Slug,
    Switch,
    Text,
    off_is_none,
    seconds,
)

Point = tuple[Fraction, Fraction]
Polygon = Annotated[
    tuple[Point, ...],
    Field(min_length=3, max_length=64),
    Allowed("3 to 64 points [x, y], fractions 0..1 of width and height"),
]
Area = Annotated[
    Fraction | None,
    BeforeValidator(off_is_none),
    OrSwitch(),
    Allowed("a part of the picture, 0..1, or off"),
]
HardwareDecoder = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9_]{1,32}(:[^\s:]{1,200})?$"),
    Allowed("FFmpeg's name of a decoder (vaapi, cuda, qsv, drm, vulkan), with :device if need be"),
]
OptionalDuration = Annotated[
    Duration | None,
    BeforeValidator(off_is_none),
    OrSwitch(),
    Allowed("a duration such as 1m, or off"),
]
AreaOverride = Annotated[
    Fraction | Literal["off"] | None,
    BeforeValidator(lambda value: "off" if value is False else value),
    Allowed("a part of the picture, 0..1, or off"),
]


class Sampling(Section):
    """Which frames are worth a caption. Each camera may override these."""

    interval_s: Duration = seconds(
        "interval", "5s", "A camera is looked at this often.", ge="100ms", le="1d"
    )
    max_interval_s: Duration = seconds(
        "max_interval",
        "1m",
        "A camera is captioned at least this often, also when nothing moves.",
        ge="100ms",
        le="1d",
    )
    motion_area: Area = Field(
        default=0.004,
        description="Part of the picture that must differ from the last look. `off`: no motion gate.",
        examples=[0.004, "off"],
    )
    duplicate_area: Area = Field(
        default=0.004,
        description="Part that must differ from the last captioned picture. `off`: no near-duplicate gate.",
        examples=[0.004, "off"],
    )

    def contradictions(self) -> Iterator[Contradiction]:
        yield from interval_contradictions(self.interval_s, self.max_interval_s)


def interval_contradictions(interval_s: float, max_interval_s: float) -> Iterator[Contradiction]:
    """An interval longer than the longest one allowed."""
    if interval_s > max_interval_s:
        yield Contradiction(
            ("interval",),
            "is longer than max_interval, the longest time without a caption; shorten it or raise max_interval",
        )


class FilePlayback(Section):
    """How a camera that is a file is played."""

    loop: Switch = Field(
        default=True, description="Start again at the end; else the camera goes offline."
    )
    pace: Literal["live", "fast"] = Field(
        default="live",
        description="`live` plays at the file's own frame rate, as a camera would; `fast` as quickly as it decodes.",
    )


class Region(Section):
    """A part of the picture that is cut out and captioned as a picture of its own."""

    id: Slug = Field(description="Names the region in alerts.", examples=["gate"])
    box: tuple[Fraction, Fraction, Fraction, Fraction] = Field(
        description="Left, top, right, bottom, as fractions of width and height.",
        examples=[[0.5, 0.2, 1.0, 0.9]],
    )

    def contradictions(self) -> Iterator[Contradiction]:
        left, top, right, bottom = self.box
        if left >= right or top >= bottom:
            yield Contradiction(
                ("box",), "is empty: left must be smaller than right, and top smaller than bottom"
            )


class Camera(Section):
    """One camera."""

    id: CameraId = Field(
        description="Names the camera in topics, alerts and file names. Never reuse one for another place.",
        examples=["entrance"],
    )
    name: Text | None = Field(
        default=None,
        description="What people call it; by default made from the id.",
        examples=["Front door"],
    )
    url: Address = Field(
        description="Where the pictures come from: an RTSP or HTTP address, a video file, a V4L2 device.",
        examples=["rtsp://192.0.2.10/stream2"],
    )
    snapshot_url: Address | None = Field(
        default=None,
        description="The same camera's main stream, decoded only for snapshots; `url` is then the small one.",
        examples=["rtsp://192.0.2.10/stream1"],
    )
    username: Text | None = Field(
        default=None,
        description="For both addresses, unless they carry one themselves.",
        examples=["viewer"],
    )
    password: SecretStr | None = Field(
        default=None,
        description="Goes with `username`; may hold any character.",
        examples=["${ENTRANCE_PASSWORD}"],
    )
    password_file: RelativePath | None = Field(
        default=None,
        description="A file that holds the password instead.",
        examples=["entrance-password"],
    )
    transport: Literal["auto", "tcp", "udp", "udp_multicast", "http", "tls"] = Field(
        default="auto",
        description="How RTSP carries the pictures; `auto` begins with TCP.",
    )
    decode: Literal["auto", "keyframes", "all"] = Field(
        default="auto",
        description="Which frames are decoded; `auto` decodes keyframes only where they come often enough.",
    )
    hwaccel: HardwareDecoder | None = Field(
        default=None,
        description="A hardware decoder, with a device after a colon; falls back to software with one log line.",
        examples=["vaapi", "vaapi:/dev/dri/renderD129"],
    )
    options: dict[str, str | int | float] = Field(
        default_factory=dict,
        description="Passed to FFmpeg as they are, for cameras that need it.",
        examples=[{"video_size": "1280x720"}],
        repr=False,
    )
    rotate: Literal[0, 90, 180, 270] = Field(
        default=0, description="Degrees clockwise by which the picture is turned.", examples=[180]
    )
    mask: tuple[Polygon, ...] = Field(
        default=(),
        description="Polygons that are blacked out before anything looks at the picture. Switches clips off.",
        examples=[[[[0, 0], [0.3, 0], [0.3, 0.2], [0, 0.2]]]],
    )
    regions: tuple[Region, ...] = Field(
        default=(), description="Parts that are captioned instead of the whole picture."
    )
    poll_s: Duration | None = seconds(
        "poll",
        None,
        "For still+http:// addresses: fetched this often; by default as often as `interval`.",
        ge="100ms",
        le="1d",
        example="2s",
    )
    open_timeout_s: Duration = seconds(
        "open_timeout", "10s", "Giving up on a connection that does not open.", ge="1s", le="5m"
    )
    stall_timeout_s: Duration = seconds(
        "stall_timeout",
        "10s",
        "No frame for this long counts as a lost camera, and it is opened again.",
        ge="1s",
        le="1h",
    )
    read_timeout_s: Duration = seconds(
        "read_timeout", "5s", "Giving up on one read from the connection.", ge="100ms", le="5m"
    )
    detect_frozen_s: OptionalDuration = seconds(
        "detect_frozen",
        "1m",
        "A picture without a single bit of change for this long is reported as frozen; `off`: never.",
        ge="1s",
        le="1d",
    )
    interval_s: Duration | None = seconds(
        "interval", None, "Overrides sampling.interval.", ge="100ms", le="1d", example="2s"
    )
    max_interval_s: Duration | None = seconds(
        "max_interval", None, "Overrides sampling.max_interval.", ge="100ms", le="1d", example="30s"
    )
    motion_area: AreaOverride = Field(
        default=None, description="Overrides sampling.motion_area.", examples=[0.01, "off"]
    )
    duplicate_area: AreaOverride = Field(
        default=None, description="Overrides sampling.duplicate_area.", examples=[0.01, "off"]
    )
    prompt: Text | None = Field(
        default=None,
        description="Overrides captioner.prompt.",
        examples=["a photo of a loading dock with"],
    )
    enabled: Switch = Field(
        default=True, description="Whether it is watched until somebody switches it over MQTT."
    )
    file: FilePlayback = Field(
        default=FilePlayback(), description="How it is played, where the url is a file."
    )

    def contradictions(self) -> Iterator[Contradiction]:
        if (self.password or self.password_file) and not self.username:
            yield Contradiction(("password",), "has no username beside it: add username:")
        if self.username and split_login(self.url.get_secret_value())[0]:
            yield Contradiction(
                ("username",), "is given here and in the url too: keep one of the two"
            )
        if self.kind in ("file", "device") and self.username:
            yield Contradiction(("username",), f"means nothing to a {self.kind}: remove it")
        if self.poll_s is not None and self.kind != "still":
            yield Contradiction(("poll",), "is for still pictures: write the url as still+http://")
        yield from _repeated_regions(self.regions)

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name or re.sub("[-_]+", " ", self.id).strip().capitalize() or self.id

    @property
    def kind(self) -> AddressKind:
        """What the url is."""
        return kind_of(self.url.get_secret_value())

    @property
    def address(self) -> str:
        """The url fit for a log: without credentials, query and fragment."""
        return public_address(self.url.get_secret_value())

    @property
    def source(self) -> SecretStr:
        """The url with the credentials in it, percent-encoded: what is opened."""
        return self._with_credentials(self.url)

    @property
    def snapshot_source(self) -> SecretStr | None:
        """The same of `snapshot_url`, which takes the url's own credentials where it has none."""
        return None if self.snapshot_url is None else self._with_credentials(self.snapshot_url)

    def _with_credentials(self, url: SecretStr) -> SecretStr:
        if self.kind in ("file", "device"):
            return url
        own, bare = split_login(url.get_secret_value())
        userinfo = own or self._userinfo() or split_login(self.url.get_secret_value())[0]
        if not userinfo:
            return url
        scheme, _, rest = bare.partition("://")
        return SecretStr(f"{scheme}://{userinfo}@{rest}")

    def _userinfo(self) -> str:
        if not self.username:
            return ""
        password = self.password.get_secret_value() if self.password else ""
        return f"{quote(self.username, safe='')}:{quote(password, safe='')}"


def _repeated_regions(regions: tuple[Any, ...]) -> Iterator[Contradiction]:
    seen: set[str] = set()
    for index, region in enumerate(regions):
        if region.id in seen:
            yield Contradiction(("regions", index, "id"), f"{region.id} is used twice")
        seen.add(region.id)
