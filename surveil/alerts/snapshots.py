"""The pictures of alerts: `<camera>/<date>/<time>_<rule>_<id>.jpg`, durable before anything names them."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from PIL import Image, ImageDraw

from surveil.clock import local_time, rfc3339
from surveil.database import sync_path
from surveil.errors import StoreError, StoreFullError
from surveil.records import Alert, Frame, Snapshot

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, each 0..1 of the picture's width or height."""

QUALITIES = (85, 70, 50, 30)
SMALLEST_PX = 80
TEMPORARY = ".writing-"
"""Prefix of a file that is not finished; what a crash leaves behind is removed at the next start."""
CHECK_BYTES = 64 << 10
"""About a small picture."""
_ROOM_ERRORS = {errno.ENOSPC, errno.EDQUOT}
_IMAGE_DESCRIPTION, _MAKE, _MODEL, _SOFTWARE, _EXIF_IFD = 0x010E, 0x010F, 0x0110, 0x0131, 0x8769
_TAKEN, _TAKEN_OFFSET, _TAKEN_MS, _COMMENT, _IMAGE_ID = 0x9003, 0x9011, 0x9291, 0x9286, 0xA420


class Snapshots:
    """Writes and reads the files below one folder. Any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        quality: int = 90,
        burn_in: bool = False,
        tz: tzinfo | None = None,
    ) -> None:
        self.folder = folder
        self._quality = quality
        self._burn_in = burn_in
        self._tz = tz

    def save(
        self, frame: Frame, alert: Alert, *, offset_ms: int = 0, box: Box | None = None
    ) -> Snapshot:
        """The frame at full size, on the disk for good when this returns. Raises StoreError, StoreFullError."""
        image = Image.fromarray(frame.rgb())
        if self._burn_in:
            burn_in(image, text=alert.caption, box=box)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=self._quality, exif=exif_of(alert), xmp=xmp_of(alert))
        content = stream.getvalue()
        path = self.path_for(alert)
        write_durably(self.folder / path, lambda file: file.write(content))
        return Snapshot(
            path=str(path),
            width_px=image.width,
            height_px=image.height,
            sha256=hashlib.sha256(content).hexdigest(),
            offset_ms=offset_ms,
        )

    def path_for(self, alert: Alert, *, suffix: str = ".jpg") -> PurePosixPath:
        """Relative to the folder. The id's last digits are random, so two alerts never share a name."""
        taken = local_time(alert.captured_unix_ms, self._tz)
        time = f"{taken:%H%M%S}.{taken.microsecond // 1000:03}"
        name = f"{time}_{safe_name(alert.rule_id)}_{alert.alert_id[-8:]}{suffix}"
        return PurePosixPath(alert.camera_id, f"{taken:%Y-%m-%d}", name)

    def open(self, path: str) -> BinaryIO:
        """The file that a row names. Raises StoreError: gone, unreadable, or not below the folder."""
        with translated(Path(path)):
            return self._inside(path).open("rb")

    def scaled(self, alert: Alert, *, max_px: int, max_bytes: int) -> bytes:
        """The alert's picture as a JPEG of at most `max_bytes`, its longer side at most `max_px`; empty if it has none,
        or if even a stamp is too large. Raises StoreError: gone, or no longer a picture."""
        if alert.snapshot is None:
            return b""
        with translated(Path(alert.snapshot.path)), self.open(alert.snapshot.path) as stream:
            return shrink(stream.read(), alert, max_px=max_px, max_bytes=max_bytes)

    def size_bytes(self, path: str) -> int:
        """Raises StoreError."""
        with translated(Path(path)):
            return self._inside(path).stat().st_size

    def check(self) -> None:
        """Raises StoreError while the disk would take no picture."""
        with translated(self.folder):
            make_folder(self.folder)
            file = self.folder / f"{TEMPORARY}check"
            try:
                file.write_bytes(bytes(CHECK_BYTES))
            finally:
                file.unlink(missing_ok=True)

    def remove(self, path: str) -> None:
        """No error when it is gone already. Raises StoreError."""
        with translated(Path(path)):
            self._inside(path).unlink(missing_ok=True)

    def _inside(self, path: str) -> Path:
        target = (self.folder / path).resolve()
        if not target.is_relative_to(self.folder.resolve()):
            raise StoreError(f"{path} does not lie below the snapshot folder")
        return target


def shrink(jpeg: bytes, alert: Alert, *, max_px: int, max_bytes: int) -> bytes:
    """A JPEG of at most `max_bytes`, its longer side at most `max_px`; empty if even a stamp is too large."""
    image = Image.open(io.BytesIO(jpeg))
    # libjpeg skips what would be thrown away: 4 times faster on 4K
    image.draft("RGB", (max_px, max_px))
    while max_px >= SMALLEST_PX:
        image.thumbnail((max_px, max_px))
        for quality in QUALITIES:
            stream = io.BytesIO()
            image.save(stream, "JPEG", quality=quality, exif=exif_of(alert))
            if stream.tell() <= max_bytes:
                return stream.getvalue()
        max_px = max_px * 3 // 4
    return b""


def burn_in(image: Image.Image, *, text: str, box: Box | None) -> None:
    """Write the caption along the lower edge, and draw the box, into the picture itself."""
    draw = ImageDraw.Draw(image)
    size_px = max(12, image.height // 30)
    if box is not None:
        left, top, right, bottom = box
        corners = (
            left * image.width,
            top * image.height,
            right * image.width - 1,
            bottom * image.height - 1,
        )
        draw.rectangle(corners, outline=(255, 64, 64), width=max(2, size_px // 8))
    draw.rectangle((0, image.height - 2 * size_px, image.width, image.height), fill=(0, 0, 0))
    draw.text((size_px // 2, image.height - 1.7 * size_px), text, font_size=size_px)


def exif_of(alert: Alert) -> Image.Exif:
    """Caption, rule, camera, id and UTC time, where photo programs look for them."""
    taken = local_time(alert.captured_unix_ms, UTC)
    exif = Image.Exif()
    # EXIF's description is ASCII by its standard; the comment and the XMP packet carry the rest of Unicode.
    exif[_IMAGE_DESCRIPTION] = alert.caption.encode("ascii", "replace").decode()
    exif[_MAKE] = "Surveil"
    exif[_MODEL] = alert.camera_id
    exif[_SOFTWARE] = f"Surveil, rule {safe_name(alert.rule_id)}"
    exif.get_ifd(_EXIF_IFD).update(
        {
            _TAKEN: f"{taken:%Y:%m:%d %H:%M:%S}",
            _TAKEN_OFFSET: "+00:00",
            _TAKEN_MS: f"{taken.microsecond // 1000:03}",
            _COMMENT: b"UNICODE\0" + alert.caption.encode("utf-16-be"),
            _IMAGE_ID: alert.alert_id,
        }
    )
    return exif


def xmp_of(alert: Alert) -> bytes:
    """The same as an XMP packet, in full Unicode."""
    attributes = {
        "xmp:CreateDate": rfc3339(alert.captured_unix_ms, UTC),
        "xmp:CreatorTool": "Surveil",
        "dc:identifier": alert.alert_id,
        "surveil:camera": alert.camera_id,
        "surveil:rule": alert.rule_id,
    }
    listed = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:surveil="urn:surveil:1" {listed}>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(alert.caption)}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def safe_name(text: str, *, max_length: int = 48) -> str:
    """Lower case letters, digits and dashes: a file name on any file system, and on a shell's command line."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:max_length].strip("-")
    return name or "x"


def write_durably(path: Path, write: Callable[[BinaryIO], object]) -> int:
    """fsync(file), rename, fsync(folder); returns the size in bytes. Raises StoreError, StoreFullError.

    In this order the name never shows a file that is not whole (rename(2), and ext4's delayed allocation without it).
    """
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    with translated(path):
        make_folder(path.parent)
        try:
            with temporary.open("wb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
                size = stream.tell()
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_path(path.parent)
    return size


def make_folder(folder: Path) -> None:
    """Like `mkdir -p`, with every new name made durable."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_path(folder.parent)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """OSError becomes StoreError, or StoreFullError when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in _ROOM_ERRORS:
            raise StoreFullError(f"{path.name} cannot be written: the disk is full") from error
        reason = error.strerror or str(error)
        raise StoreError(f"{path.name} cannot be used: {reason}") from error
