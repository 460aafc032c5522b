"""What the operator wants of one camera, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from surveil.capture.address import SourceKind, kind_of, redact_url
from surveil.records import Region

Point = tuple[float, float]
"""(x, y) as fractions 0..1 of the picture's width and height, after rotation."""
Polygon = tuple[Point, ...]


class DecodeMode(StrEnum):
    """Which frames become pictures."""

    AUTO = "auto"
    """Keyframes while they come at least once per sampling interval, else all."""
    KEYFRAMES = "keyframes"
    ALL = "all"


class Transport(StrEnum):
    """How RTSP carries the pictures."""

    AUTO = "auto"
    """TCP, which survives bad Wi-Fi and firewalls; UDP when the camera refuses it."""
    TCP = "tcp"
    UDP = "udp"
    UDP_MULTICAST = "udp_multicast"
    HTTP = "http"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One camera. Equal specs mean that nothing needs to be restarted. `repr` shows no credential."""

    camera_id: str
    url: str = field(repr=False)
    """`rtsp://`, `rtsps://`, `http(s)://`, `still+http(s)://`, `v4l2:///dev/video0`, `/dev/video0`, `file:`, a path."""
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    """For both streams, unless their URLs hold a login themselves; need no percent-encoding."""
    transport: Transport = Transport.AUTO
    snapshot_url: str | None = field(default=None, repr=False)
    """The camera's big stream. Demuxed, and decoded only for snapshots."""
    decode: DecodeMode = DecodeMode.AUTO
    interval_s: float = 5.0
    """How often a sample is wanted; what `auto` compares the distance of keyframes with."""
    hwaccel: str | None = None
    """`vaapi`, `cuda`, `qsv`, `drm`, `v4l2m2m` ...; a device after a colon: `vaapi:/dev/dri/renderD129`."""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Passed to FFmpeg as they are; they win over what Surveil would set."""
    rotate: int = 0
    """Degrees clockwise: 0, 90, 180, 270."""
    mask: tuple[Polygon, ...] = ()
    """Blacked out before anyone sees a picture."""
    regions: tuple[Region, ...] = ()
    stall_timeout_s: float = 10.0
    """No frame for this long ends the connection."""
    open_timeout_s: float = 5.0
    """For each of the two stages of opening: connecting, and finding out what the stream holds."""
    read_timeout_s: float = 5.0
    loop: bool = True
    """Files: start again at the end."""
    pace: bool = True
    """Files: at their own frame rate, as if live."""
    poll_s: float | None = None
    """Stills: seconds from one picture to the next; None follows `interval_s`."""
    detect_frozen_s: float | None = 60.0
    """A picture that does not change by a single bit of noise for this long is reported; None: never."""

    @property
    def kind(self) -> SourceKind:
        return kind_of(self.url)

    @property
    def shown_url(self) -> str:
        """The URL without its credentials."""
        return redact_url(self.url)
