"""The newest picture of each camera, made small enough for a message."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable

from PIL import Image

from surveil.alerting.board import Post
from surveil.alerting.snapshots import Snapshots, exif_of
from surveil.alerting.store import AlertStore
from surveil.errors import StoreError
from surveil.records import Alert

QUALITIES = (85, 70, 50, 30)
SMALLEST_PX = 80


class PictureMaker:
    """`check` from any thread; the rest in the delivery thread."""

    def __init__(self, store: AlertStore, snapshots: Snapshots, *, max_px: int) -> None:
        self._store = store
        self._snapshots = snapshots
        self._max_px = max_px
        self._lock = threading.Lock()
        self._due: dict[str, None] = {}

    def check(self, camera_ids: Iterable[str]) -> None:
        """Their newest picture may have changed."""
        with self._lock:
            self._due.update(dict.fromkeys(camera_ids))

    @property
    def due(self) -> int:
        """How many cameras `take` will give."""
        return len(self._due)

    def take(self) -> list[str]:
        """The next camera to look at, if any."""
        with self._lock:
            camera_id = next(iter(self._due), None)
            if camera_id is None:
                return []
            del self._due[camera_id]
            return [camera_id]

    def make(self, camera_id: str, topic: str, *, max_bytes: int) -> Post | None:
        """The message to send; empty when there is no picture (any more), None when the disk cannot say now."""
        try:
            alert = self._store.newest_with_snapshot(camera_id)
            if alert is None or alert.snapshot is None:
                return Post(topic, b"")
            with self._snapshots.open(alert.snapshot.path) as stream:
                content = shrink(stream.read(), alert, max_px=self._max_px, max_bytes=max_bytes)
        except StoreError:
            return None
        return Post(topic, content, user_properties=(("alert_id", alert.alert_id),))


def shrink(jpeg: bytes, alert: Alert, *, max_px: int, max_bytes: int) -> bytes:
    """A JPEG of at most `max_bytes`, its longer side at most `max_px`; empty if even a stamp is too large."""
    image = Image.open(io.BytesIO(jpeg))
    image.draft(
        "RGB", (max_px, max_px)
    )  # libjpeg skips what would be thrown away: 4 times faster on 4K
    while max_px >= SMALLEST_PX:
        image.thumbnail((max_px, max_px))
        for quality in QUALITIES:
            stream = io.BytesIO()
            image.save(stream, "JPEG", quality=quality, exif=exif_of(alert))
            if stream.tell() <= max_bytes:
                return stream.getvalue()
        max_px = max_px * 3 // 4
    return b""
