"""Pictures for captioning outside the daemon: files, folders, globs, videos, the web; decoded beside the captioner.

Each source becomes `Found` pictures in a steady order, so that a run that was broken off can go on where it stopped.
"""

from __future__ import annotations

import glob
import io
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from surveil.errors import ConfigError, SourceError
from surveil.records import PictureSize, Rgb

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"}
)
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".ts", ".mpg", ".mpeg"}
)
LARGEST_DOWNLOAD = 100_000_000
DOWNLOAD_S = 30.0
AHEAD = 64
"""Pictures decoded before they are asked for; at 384 pixels a side they hold 28 MB."""
DECODERS = 4

Pick = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """One picture, or why there is none."""

    name: str
    """Path or address; for a video with `#t=SECONDS`, as media fragments have it."""
    picture: Rgb | None = field(default=None, repr=False)
    error: str | None = None


def expand(paths: Sequence[str]) -> list[str]:
    """Folders become their pictures and videos, globs what they match, sorted; the rest stays. Raises ConfigError."""
    names: list[str] = []
    for path in paths:
        names.extend(_expanded(path))
    return list(dict.fromkeys(names))


def is_video(name: str) -> bool:
    return Path(name.split("?")[0]).suffix.lower() in VIDEO_SUFFIXES


def pictures(
    names: Sequence[str], *, size: PictureSize, every_s: float, wanted: Pick = lambda name: True
) -> Iterator[Found]:
    """Pictures of `size`, in the order of `names`, decoded by threads of their own, `AHEAD` at most.

    `wanted` is asked before a picture is decoded. Nothing is raised for a source that can't be read: it is in `Found`.
    """
    waiting: queue.Queue[Future[Found] | None] = queue.Queue(AHEAD)
    stopped = threading.Event()
    pool = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")
    reader = threading.Thread(
        target=_read_all,
        args=(names, size, every_s, wanted, pool, waiting, stopped),
        name="read-images",
        daemon=True,
    )
    reader.start()
    try:
        while (future := waiting.get()) is not None:
            yield future.result()
    finally:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _expanded(path: str) -> list[str]:
    if path.startswith(("http://", "https://")):
        return [path]
    place = Path(path).expanduser()
    if place.is_dir():
        suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES
        return sorted(str(p) for p in place.rglob("*") if p.suffix.lower() in suffixes)
    if place.exists() or not glob.has_magic(path):
        return [str(place)]
    matched = sorted(glob.glob(str(place), recursive=True))
    if not matched:
        raise ConfigError(f"{path}: no file matches")
    return [
        name
        for one in matched
        for name in _expanded(glob.escape(one) if glob.has_magic(one) else one)
    ]


def _read_all(
    names: Sequence[str],
    size: PictureSize,
    every_s: float,
    wanted: Pick,
    pool: ThreadPoolExecutor,
    waiting: queue.Queue[Future[Found] | None],
    stopped: threading.Event,
) -> None:
    """Still pictures go to the pool; a video is decoded here, one picture after the other."""
    for name in names:
        if stopped.is_set():
            return
        if is_video(name):
            for found in _frames(name, size, every_s, wanted):
                done: Future[Found] = Future()
                done.set_result(found)
                if not _put(waiting, done, stopped):
                    return
        elif wanted(name) and not _put(waiting, pool.submit(_still, name, size), stopped):
            return
    _put(waiting, None, stopped)


def _put(
    waiting: queue.Queue[Future[Found] | None], item: Future[Found] | None, stopped: threading.Event
) -> bool:
    """False when nobody wants it any more."""
    while not stopped.is_set():
        try:
            waiting.put(item, timeout=0.2)
        except queue.Full:
            continue
        return True
    return False


def _still(name: str, size: PictureSize) -> Found:
    try:
        remote = name.startswith(("http://", "https://"))
        return Found(name, _decoded(_download(name) if remote else Path(name).read_bytes(), size))
    except SourceError as error:
        return Found(name, error=str(error))
    except OSError as error:
        return Found(name, error=error.strerror or str(error))


def _decoded(data: bytes, size: PictureSize) -> Rgb:
    """Turned as its EXIF says, scaled; what `size` makes square is squashed. Raises SourceError."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            # JPEG can decode to a half or a quarter on the way; twice the side keeps what bicubic looks at.
            image.draft("RGB", (2 * size.px, 2 * size.px))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return np.asarray(upright.resize(size.of(*upright.size), Image.Resampling.BICUBIC))
    except UnidentifiedImageError as error:
        raise SourceError("no picture in a form that can be read") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SourceError(f"damaged: {error}") from error


def _download(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"User-Agent": "surveil"})
    try:
        with urllib.request.urlopen(request, timeout=DOWNLOAD_S) as answer:
            data: bytes = answer.read(LARGEST_DOWNLOAD + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise SourceError(f"HTTP {error.code}") from error
    except (OSError, ValueError) as error:
        raise SourceError(str(getattr(error, "reason", error))) from error
    if len(data) > LARGEST_DOWNLOAD:
        raise SourceError(f"more than {LARGEST_DOWNLOAD // 1_000_000} MB")
    return data


def _frames(name: str, size: PictureSize, every_s: float, wanted: Pick) -> Iterator[Found]:
    """The first picture at or after each multiple of `every_s`."""
    if not name.startswith("http") and not Path(name).is_file():
        yield Found(name, error="No such file or directory")
        return
    video = cv2.VideoCapture(name)
    try:
        rate = video.get(cv2.CAP_PROP_FPS) or 25.0
        number, due_s = 0, 0.0
        while video.grab():
            at_s, number = number / rate, number + 1
            if at_s + 1e-6 < due_s:
                continue
            label = f"{name}#t={due_s:g}"
            due_s += every_s
            if wanted(label):
                yield _frame(video, label, size)
        if number == 0:
            yield Found(name, error="no video that can be read")
    finally:
        video.release()


def _frame(video: cv2.VideoCapture, label: str, size: PictureSize) -> Found:
    decoded, pixels = video.retrieve()
    if not decoded:
        return Found(label, error="a frame that can't be decoded")
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    scaled = image.resize(size.of(*image.size), Image.Resampling.BICUBIC)
    return Found(label, np.asarray(scaled))
