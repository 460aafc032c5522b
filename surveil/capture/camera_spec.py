"""What the operator wants of one camera, as plain values.

And its address: what kind of thing it names, and how to speak of it without giving secrets away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from surveil.records import Region

SECRETS = re.compile(r"(?i)((?:user|usr|login|pass|pwd|token|secret|auth|key)[^=&;/?\s]*=)[^&;\s]*")
"""Cheap cameras take credentials in the query or the path: `?usr=admin&pwd=...`, `/user=admin_password=...`."""
LOGIN = re.compile(r"(?i)([a-z][a-z0-9+.-]*://)\S*@")
"""To the last `@`, so that a password with `/`, `#` or `@` in it does not slip out."""
STILL = "still+"


class SourceKind(StrEnum):
    """What has to be done to get pictures out of an address."""

    RTSP = "rtsp"
    HTTP = "http"
    STILL = "still"
    V4L2 = "v4l2"
    FILE = "file"
    OTHER = "other"
    """Anything else that FFmpeg can open, read as if it were live: `rtmp://`, `srt://`, `udp://` ..."""


def kind_of(url: str) -> SourceKind:
    """By scheme and, without one, by whether it is a video device."""
    scheme, has_scheme, _ = url.partition("://")
    scheme = scheme.lower()
    if url.startswith("/dev/video") or scheme == "v4l2":
        return SourceKind.V4L2
    if not has_scheme or scheme == "file":
        return SourceKind.FILE
    if scheme.startswith(STILL):
        return SourceKind.STILL
    if scheme in {"rtsp", "rtsps"}:
        return SourceKind.RTSP
    return SourceKind.HTTP if scheme in {"http", "https"} else SourceKind.OTHER


def path_of(url: str) -> str:
    """The file or device that a FILE or V4L2 address names."""
    for prefix in ("file://", "file:", "v4l2://"):
        if url.startswith(prefix):
            return url.removeprefix(prefix)
    return url


def redact_url(text: str) -> str:
    """The text with the credentials of every URL in it replaced by `***`; also those in a query. Safe to log."""
    return SECRETS.sub(r"\1***", LOGIN.sub(r"\1***@", text))


def with_credentials(url: str, *, username: str | None, password: str | None) -> str:
    """The URL with the login inside, percent-encoded, as FFmpeg wants it. One that is there already stays."""
    parts = urlsplit(url)
    if not username or "@" in parts.netloc:
        return url
    login = f"{quote(username, safe='')}:{quote(password or '', safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


def without_credentials(url: str) -> tuple[str, str | None, str | None]:
    """(URL without login, username, password), decoded."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return (
        urlunsplit(parts._replace(netloc=host)),
        _unquoted(parts.username),
        _unquoted(parts.password),
    )


def _unquoted(text: str | None) -> str | None:
    return None if text is None else unquote(text)


Point = tuple[float, float]
"""(x, y) as fractions 0..1 of the picture's width and height, after rotation."""
Polygon = tuple[Point, ...]


class DecodeMode(StrEnum):
    """Which frames become pictures."""

    AUTO = "auto"
    """Keyframes while they come at least once per sampling interval, else all."""
    KEYFRAMES = "keyframes"
    ALL = "all"


LIVE = ("decode", "interval_s", "regions", "stall_timeout_s", "clamped", "detect_frozen_s")
"""Fields of a CameraSpec that a running session takes over; all others need another connection, or another buffer."""


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
    """One camera. `repr` shows no credential."""

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
    clamped: tuple[str, ...] = ()
    """Deadlines that contradicted others and are not kept as they were given: a sentence each."""
    detect_frozen_s: float | None = 60.0
    """A picture that does not change by a single bit of noise for this long is reported; None: never."""

    def needs_reopening(self, running: CameraSpec) -> bool:
        """Whether a session that runs by the other spec must be replaced, rather than take this one over."""
        taken_over = {name: getattr(self, name) for name in LIVE}
        if self.kind is SourceKind.STILL and self.poll_s is None:
            del taken_over["interval_s"]  # it is how often a picture is fetched
        return replace(running, **taken_over) != self

    @property
    def kind(self) -> SourceKind:
        return kind_of(self.url)

    @property
    def shown_url(self) -> str:
        """The URL without its credentials."""
        return redact_url(self.url)
