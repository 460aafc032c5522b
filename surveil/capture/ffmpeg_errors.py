"""FFmpeg's errors as one line that a person can act on, without credentials."""

from __future__ import annotations

import errno
import os
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import av.error

from surveil.capture.camera_spec import CameraSpec, SourceKind, path_of
from surveil.errors import SourceError

SLOW = 0.9
"""An opening that used this part of its time failed for want of time, whatever FFmpeg calls it: an RTSP server that
says nothing ends as "Invalid data"."""
KNOCK_S = 2.0
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}


class EndOfStream(SourceError):
    """The source has said that nothing more will come."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried when the error came."""

    spec: CameraSpec
    url: str
    """Of the stream in question; may hold credentials."""
    took_s: float
    limit_s: float


def explain_open(error: Exception, attempt: Attempt) -> str:
    """Why the source could not be opened, and what to do about it."""
    if attempt.spec.kind in {SourceKind.FILE, SourceKind.V4L2}:
        return _explain_path(error, path_of(attempt.url), attempt.spec.kind)
    return _explain_http(error, attempt) or _explain_network(error, attempt)


def explain_read(error: Exception, attempt: Attempt) -> str:
    """Why a source that was open stopped giving."""
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return f"nothing came for {attempt.limit_s:g} s; is the camera or its network down?"
    if isinstance(error, av.error.OSError | OSError) and error.errno == errno.ENODEV:
        return f"{path_of(attempt.url)} was unplugged"
    return f"the connection broke: {_plain(error)}"


def _explain_path(error: Exception, path: str, kind: SourceKind) -> str:
    what = "device" if kind is SourceKind.V4L2 else "file"
    if isinstance(error, FileNotFoundError):
        hint = f"this machine has {_devices()}" if what == "device" else "check `url`"
        return f"{what} {path} does not exist; {hint}"
    if isinstance(error, PermissionError):
        group = "video" if what == "device" else "readers"
        return f"{what} {path} may not be read by this user; add it to the file's {group}"
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder; `url` must name a video file in it"
    if isinstance(error, av.error.OSError | OSError) and error.errno == errno.EBUSY:
        return f"device {path} is in use by another program"
    if os.path.exists(path) and os.path.getsize(path) == 0 and what == "file":
        return f"file {path} is empty"
    return f"{what} {path} holds nothing that FFmpeg can read ({_plain(error)})"


def _explain_http(error: Exception, attempt: Attempt) -> str | None:
    """RTSP borrows its answers from HTTP, so this is for both."""
    where = _host_and_port(attempt.url)[0]
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        login = attempt.spec.username or "@" in attempt.url
        found = (
            "refuses the user name or password" if login else "asks for a user name and password"
        )
        return f"{where} {found}; check `username` and `password` of this camera"
    if isinstance(error, av.error.HTTPNotFoundError):
        return f"{where} knows no such stream; check the path in `url`"
    if isinstance(error, av.error.HTTPTooManyRequestsError):
        return f"{where} says that there are too many requests; close other viewers"
    if isinstance(error, av.error.HTTPServerError):
        return f"{where} has an error of its own ({_plain(error)}); it may have too many viewers"
    if isinstance(error, av.error.HTTPClientError):
        return f"{where} refuses the request ({_plain(error)}); check `url` and `transport`"
    return None


def _explain_network(error: Exception, attempt: Attempt) -> str:
    host, port = _host_and_port(attempt.url)
    if isinstance(error, av.error.ProtocolNotFoundError):
        scheme = attempt.url.partition(":")[0]
        return f"`{scheme}:` is no way to a camera; use rtsp, http, still+http, v4l2 or a file"
    if isinstance(error, av.error.OptionNotFoundError | av.error.ArgumentError):
        return f"FFmpeg refuses `options` or `transport` of this camera ({_plain(error)})"
    if isinstance(error, av.error.ConnectionRefusedError):
        return f"{host} refuses connections on port {port}; is the camera's service on, and the port right?"
    if getattr(error, "errno", None) == errno.EPROTONOSUPPORT:
        return f"{host} refuses `transport: {attempt.spec.transport}`; try `transport: auto`"
    knocked = _knock(host, port) if attempt.spec.transport != "udp_multicast" else None
    if knocked:
        return knocked
    if attempt.took_s >= SLOW * attempt.limit_s:
        return f"{host} took the connection but sent no stream within {attempt.limit_s:g} s"
    return f"{host} sends nothing that FFmpeg can read ({_plain(error)})"


def _knock(host: str, port: int) -> str | None:
    """What plain TCP says about the way there; None when it leads somewhere."""
    try:
        _connect(host, port)
    except socket.gaierror:
        return f"no host {host} is known; check the name in `url`, and this machine's DNS"
    except TimeoutError:
        return f"{host} does not answer on port {port}; is the camera on, and its address right?"
    except OSError as error:
        return f"{host} cannot be reached on port {port}: {os.strerror(error.errno or errno.EIO)}"
    return None


def _connect(host: str, port: int) -> None:
    """Raises as the last of the host's addresses does; all of them together have KNOCK_S. The look-up comes on top."""
    deadline_s = time.monotonic() + KNOCK_S
    failure: OSError = TimeoutError()
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        with socket.socket(family, kind, protocol) as knocking:
            knocking.settimeout(left_s)
            try:
                knocking.connect(address)
            except OSError as error:
                failure = error
            else:
                return
    raise failure


def _plain(error: Exception) -> str:
    """FFmpeg's own words, without the address that it puts after them."""
    words = getattr(error, "strerror", None)
    return str(words) if words else type(error).__name__


def _host_and_port(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        return parts.hostname or "?", parts.port or PORTS.get(parts.scheme, 554)
    except ValueError:
        return "?", 554


def _devices() -> str:
    try:
        found = sorted(name for name in os.listdir("/dev") if name.startswith("video"))
    except OSError:
        found = []
    return ", ".join(f"/dev/{name}" for name in found) or "no video device"
