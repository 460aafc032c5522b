"""Addresses of cameras: what kind of thing they name, and how to speak of them without giving secrets away."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import quote, unquote, urlsplit, urlunsplit

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
