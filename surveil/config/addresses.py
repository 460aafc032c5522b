"""Addresses that pictures are read from. Nothing here quotes one in an error: it may hold a password."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pydantic import AfterValidator, SecretStr, ValidationInfo

from surveil.config.problems import did_you_mean
from surveil.fields import Allowed, refuse

AddressKind = Literal["rtsp", "http", "still", "file", "device", "other"]
STILL = "still+"
SCHEMES = (
    *("rtsp", "rtsps", "http", "https", "still+http", "still+https"),
    *("rtmp", "rtmps", "srt", "udp", "file", "v4l2"),
)


_KINDS: dict[str, Literal["rtsp", "http"]] = {
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "http": "http",
    "https": "http",
}


def kind_of(url: str) -> AddressKind:
    """By scheme; without one, a device or a file."""
    scheme, mark, _ = url.partition("://")
    if not mark:
        return "device" if url.startswith("/dev/") else "file"
    return "still" if scheme.startswith(STILL) else _KINDS.get(scheme, "other")


def split_login(url: str) -> tuple[str, str]:
    """(user:password percent-encoded, the url without them); the first is empty where there are none."""
    if "://" not in url:
        return "", url
    parts = urlsplit(url)
    userinfo, mark, host = parts.netloc.rpartition("@")
    if not mark:
        return "", url
    user, colon, password = userinfo.partition(":")
    encoded = quote(unquote(user), safe="") + colon + quote(unquote(password), safe="")
    return encoded, urlunsplit(parts._replace(netloc=host))


def public_address(url: str) -> str:
    """Scheme, host, port and path; a path with `=` in it is left out, since some cameras put a password there."""
    if "://" not in url:
        return url
    parts = urlsplit(split_login(url)[1])
    path = "/..." if "=" in parts.path or ":" in parts.path else parts.path
    return f"{parts.scheme}://{parts.netloc}{path}" + ("?..." if parts.query else "")


def _address(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """An address that can be opened: relative files become absolute. Errors never quote it: it may hold a password."""
    text = value.get_secret_value().strip()
    scheme, mark, rest = text.partition("://")
    if not mark:
        return SecretStr(_local(text, info))
    if scheme not in SCHEMES:
        hint = did_you_mean(scheme, SCHEMES)
        raise refuse(f"it begins with a scheme that no camera is read from{hint}")
    if scheme in ("file", "v4l2"):
        return SecretStr(_local(rest, info))
    _check_host(text)
    return SecretStr(text)


def _local(text: str, info: ValidationInfo) -> str:
    if not text or "\0" in text:
        raise refuse("the address is empty")
    if re.match(rf"({'|'.join(map(re.escape, SCHEMES))})(:|//)", text, re.IGNORECASE):
        raise refuse("an address begins with a scheme and ://, such as rtsp://")
    folder = (info.context or {}).get("folder")
    return text if folder is None else os.path.normpath(Path(folder) / text)


def _check_host(text: str) -> None:
    """An @ behind the host means that a password with / ? or # in it was cut in two, and would show in logs."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
        behind = urlunsplit(parts._replace(scheme="", netloc=""))
    except ValueError:
        host, behind = None, ""
    if not host or "@" in behind or re.search(r"\s", text):
        raise refuse(
            "no host can be read from it; if the password holds / ? # or :, "
            "give it as password: or password_file: instead, and write @ behind the host as %40",
            says_all=True,
        )


Address = Annotated[
    SecretStr,
    AfterValidator(_address),
    Allowed(
        "rtsp://, rtsps://, http://, https:// or still+http:// and a host; a video file; a device such as /dev/video0"
    ),
]
