"""Everything that flows between the rooms, in the order in which it comes to be.

Frame -> Sample -> Caption | Unchanged -> Match -> Alert. All are frozen; those that carry pixels compare by
identity; no `repr` prints pixels. Times: `_mono_ns` is the monotonic clock, `_unix_ms` the wall clock.
Standard library and numpy only.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""uint8 (height_px, width_px, 3), red first."""
Luma = NDArray[np.uint8]
"""uint8 (height_px, width_px), brightness."""


class Severity(StrEnum):
    """How much an alert matters; ordered by `rank`."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class CameraState(StrEnum):
    """What a camera is doing; the first word of its MQTT status."""

    CONNECTING = "connecting"
    ONLINE = "online"
    DEGRADED = "degraded"
    STUCK = "stuck"
    OFFLINE = "offline"
    DISABLED = "disabled"


class Picture(Protocol):
    """One decoded image, in whatever layout the decoder left it. Any thread; immutable."""

    @property
    def width_px(self) -> int: ...
    @property
    def height_px(self) -> int: ...
    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        ...

    def rgb(self, width_px: int, height_px: int) -> Rgb:
        """Converted and scaled in one step; not writeable."""
        ...

    def luma(self, width_px: int, height_px: int) -> Luma:
        """Brightness, scaled; not writeable."""
        ...

    def crop(self, left_px: int, top_px: int, right_px: int, bottom_px: int) -> Picture:
        """The part inside the box, right and bottom excluded."""
        ...


THUMBNAIL_PX = (96, 54)
"""Width, height. A person who fills 1 % of the picture covers about 50 of these pixels."""


class _Thumbnail:
    """A frame's thumbnail, as soon as somebody has asked for it."""

    __slots__ = ("lock", "luma")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.luma: Luma | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from one camera."""

    camera_id: str
    run_id: str
    """Names one connection; a new one is made at each reconnect."""
    seq: int
    """Counts the frames that the source delivered in this run; a gap is a drop."""
    captured_mono_ns: int
    captured_unix_ms: int
    pts_s: float | None
    """The stream's own time, seconds; None where it has none."""
    is_key: bool
    picture: Picture = field(repr=False)
    region_id: str | None = None
    """The configured region that was cut out; None is the whole picture."""
    _thumbnail: _Thumbnail = field(default_factory=_Thumbnail, init=False, repr=False)
    """`init=False`, so that a frame made by `replace`, of another picture, begins without one."""

    @property
    def width_px(self) -> int:
        return self.picture.width_px

    @property
    def height_px(self) -> int:
        return self.picture.height_px

    @property
    def nbytes(self) -> int:
        """Memory that the picture holds, in bytes."""
        return self.picture.nbytes

    def rgb(self, max_px: int | None = None) -> Rgb:
        """uint8 (height_px, width_px, 3), not writeable; the longer side at most `max_px`, never enlarged."""
        return self.picture.rgb(*fit(self.width_px, self.height_px, max_px))

    def thumbnail(self) -> Luma:
        """uint8 (54, 96), brightness, not writeable. Made once, by whichever thread asks first: 0.5 ms at 1080p."""
        cell = self._thumbnail
        with cell.lock:
            if cell.luma is None:
                cell.luma = self.picture.luma(*THUMBNAIL_PX)
            return cell.luma


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a camera's picture that is a picture of its own; fractions 0..1, right and bottom excluded."""

    region_id: str
    left: float
    top: float
    right: float
    bottom: float

    def cut(self, frame: Frame) -> Frame:
        """The frame's part inside the region, at least one pixel: a copy, 0.3 ms for half of a 1080p picture."""
        left_px = min(int(self.left * frame.width_px), frame.width_px - 1)
        top_px = min(int(self.top * frame.height_px), frame.height_px - 1)
        right_px = max(left_px + 1, round(self.right * frame.width_px))
        bottom_px = max(top_px + 1, round(self.bottom * frame.height_px))
        picture = frame.picture.crop(left_px, top_px, right_px, bottom_px)
        return replace(frame, picture=picture, region_id=self.region_id)


def fit(width_px: int, height_px: int, max_px: int | None) -> tuple[int, int]:
    """(width_px, height_px) scaled down so that the longer side is at most `max_px`; each at least 1."""
    longer_px = max(width_px, height_px)
    if max_px is None or longer_px <= max_px:
        return width_px, height_px
    return max(1, round(width_px * max_px / longer_px)), max(
        1, round(height_px * max_px / longer_px)
    )


@dataclass(frozen=True, slots=True)
class PictureSize:
    """What an engine looks at, and a picture is scaled to."""

    px: int
    """Side of the square; with `keeps_aspect` the longer side."""
    keeps_aspect: bool = False

    def of(self, width_px: int, height_px: int) -> tuple[int, int]:
        """(width, height) to scale a picture of this size to. An aspect that is kept is never enlarged."""
        return fit(width_px, height_px, self.px) if self.keeps_aspect else (self.px, self.px)


class SampleReason(StrEnum):
    """Why the sampler chose a frame."""

    DUE = "due"
    """Its interval had passed and the gates let it through."""
    OVERDUE = "overdue"
    """Nothing changed, but the camera's `max_interval` had passed."""
    INCIDENT = "incident"
    """An incident is open or half confirmed, so the gates are bypassed."""
    REQUESTED = "requested"
    """A person or program asked for a caption now."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A frame that is worth a caption now."""

    frame: Frame
    reason: SampleReason
    due_mono_ns: int
    """When the camera's turn came; `waited_ms` of its caption counts from here or from capture, whichever is later."""


@dataclass(frozen=True, slots=True, eq=False)
class Unchanged:
    """A look that the gates found to be like the last captioned one: renews its matches, counts as watched."""

    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class Caption:
    """What the engine said about one frame."""

    frame: Frame
    text: str
    """Prompt removed, white space collapsed."""
    confidence: float | None
    """exp(mean log-probability of the generated tokens), 0..1, from raw logits before penalties; the prompt is
    not counted, the end token is. None where the engine gives none. Comparable within one model only."""
    model_id: str
    batch_size: int
    waited_ms: int
    """From when the look was due, or its frame captured, whichever came later, to the start of inference."""
    inferred_ms: int
    """Of the whole batch."""
    done_mono_ns: int
    """When the caption was ready."""
    reason: SampleReason = SampleReason.DUE


@dataclass(frozen=True, slots=True)
class Match:
    """Why a rule took a caption to assert its pattern."""

    rule_id: str
    pattern: str
    start: int
    """Index of the first matching character in the caption."""
    end: int
    """One past the last."""
    score: float
    """0..1; defined in surveil.rules."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One caption that speaks for an incident."""

    caption: str
    captured_unix_ms: int
    confidence: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OpenedIncident:
    """One incident as the rules have just opened it; an Alert is made of it."""

    rule_id: str
    event_type: str
    severity: Severity
    camera_id: str
    region_id: str | None
    match: Match
    caption: Caption
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A JPEG on disk; `path` is relative to the snapshot folder, with forward slashes."""

    path: str
    width_px: int
    height_px: int
    sha256: str
    offset_ms: int = 0
    """Snapshot's frame time minus the captioned frame's time."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds along the way of one alert."""

    capture_to_caption: int
    caption_to_commit: int


@dataclass(frozen=True, slots=True)
class Alert:
    """The opening of one incident, as told to subscribers. `alert_id` is the key by which repeats are dropped."""

    alert_id: str
    """UUIDv7."""
    sequence: int
    """Per camera and store, from 1, no gaps."""
    rule_id: str
    event_type: str
    severity: Severity
    camera_id: str
    region_id: str | None
    run_id: str
    seq: int
    captured_unix_ms: int
    caption: str
    confidence: float | None
    model_id: str
    match: Match
    evidence: tuple[Evidence, ...]
    snapshot: Snapshot | None
    snapshot_reason: str | None
    """Why there is no snapshot; None when there is one."""
    timings: Timings
    durable: bool = True
    """False when the row could not be committed and the alert went out from memory."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """How one camera is doing, as its capture thread last told."""

    camera_id: str
    state: CameraState
    reason: str | None
    """Why it is not online, fit for a person; holds no credential."""
    since_unix_ms: int
    last_frame_age_ms: int | None
    fps: float | None
    width_px: int | None
    height_px: int | None
    frames_total: int
    dropped_total: int
    reconnects_total: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps the node from being fully itself; part of its health."""

    code: str
    """Stable and machine-readable: `disk`, `reload`, `canary`, `behind`, `fallback`, `clock` ..."""
    text: str
    since_unix_ms: int
    component: str = ""
    """Name of the part that says so."""
    remedy: str = ""
    """What a person can do about it."""


MQTT = "mqtt"
"""The destination that MqttDelivery serves."""

Kind = Literal["alert", "clip"]


class Receipt(NamedTuple):
    """Names one delivery to one destination."""

    alert_id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Clip:
    """The video that follows an alert, or why there is none."""

    path: str | None = None
    """Relative to the snapshot folder, with forward slashes."""
    seconds: float | None = None
    reason: str | None = None
    """Why there is none, or what may keep it from being played."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One thing that waits for one destination."""

    alert: Alert
    store_id: str
    """The store that numbered the alert."""
    kind: Kind = "alert"
    clip: Clip | None = None
    waited_ms: int = 0
    """Since it was committed; a step of the wall clock while the daemon runs does not change it."""

    @property
    def receipt(self) -> Receipt:
        return Receipt(self.alert.alert_id, self.kind)


@dataclass(frozen=True, slots=True)
class Gap:
    """Alerts of one camera that a destination will not get by itself."""

    gap_id: int
    """Negative while it is held in memory only."""
    store_id: str
    camera_id: str
    first: int
    last: int
    reason: str
    """`expired`, `evicted`, `refused: ...`, `not kept`."""
