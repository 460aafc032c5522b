"""Pictures that are fetched one by one: `still+http://camera/snapshot.jpg`."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from fractions import Fraction
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.parse import urlsplit

import av

from surveil.capture.address import STILL, redact_url, without_credentials
from surveil.capture.packet import StreamInfo
from surveil.capture.source import Arrival, VideoPacket, Wait
from surveil.capture.spec import CameraSpec
from surveil.clock import NS_PER_S, Clock, ns
from surveil.errors import SourceError

MAX_BYTES = 32 << 20
CHUNK_BYTES = 64 << 10
SLICE_S = 0.5
CODECS = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG": "png", b"BM": "bmp", b"RIFF": "webp"}
"""First bytes of what cameras serve as pictures -> decoder."""
REMEDIES = {
    401: "refuses the user name or password; check `username` and `password` of this camera",
    403: "refuses the user name or password; check `username` and `password` of this camera",
    404: "knows no such picture; check the path in `url`",
}


class StillSource:
    """Asks for a picture every `poll_s`; each is a keyframe."""

    def __init__(self, spec: CameraSpec, *, clock: Clock, wait: Wait) -> None:
        self._spec, self._clock, self._wait = spec, clock, wait
        self._url, username, password = without_credentials(spec.url[len(STILL) :])
        self._opener = _opener(
            self._url,
            username=username or spec.username,
            password=password or spec.password,
            options=spec.options,
        )
        self._period_ns = ns(spec.poll_s or spec.interval_s)
        self._due_ns = clock.monotonic_ns()
        first = self._fetch()
        self.info = _describe(first, redact_url(spec.url))
        self._first: bytes | None = first

    def read(self) -> Arrival | None:
        """Waits until the next picture is due, in slices of half a second, and fetches it."""
        left_s = (self._due_ns - self._clock.monotonic_ns()) / NS_PER_S
        if left_s > 0 and (self._wait(min(left_s, SLICE_S)) or left_s > SLICE_S):
            return None
        now_ns = self._clock.monotonic_ns()
        self._due_ns = max(self._due_ns + self._period_ns, now_ns)
        data, self._first = self._first or self._fetch(), None
        packet = cast(VideoPacket, av.Packet(data))
        packet.is_keyframe = True
        return Arrival(packet, now_ns)

    def close(self) -> None:
        self._opener.close()

    def _fetch(self) -> bytes:
        """The picture's bytes, within the open and read deadlines together. Raises SourceError."""
        host = urlsplit(self._url).hostname or "?"
        limit_s = self._spec.open_timeout_s + self._spec.read_timeout_s
        deadline_ns = self._clock.monotonic_ns() + ns(limit_s)
        try:
            with self._opener.open(self._url, timeout=self._spec.open_timeout_s) as answer:
                return self._body(answer, host, deadline_ns)
        except urllib.error.HTTPError as error:
            error.close()
            remedy = REMEDIES.get(error.code, f"answers {error.code} {error.reason}")
            raise SourceError(f"{host} {remedy}") from None
        except TimeoutError:
            raise SourceError(f"{host} sent no picture in time; is the camera on?") from None
        except (OSError, HTTPException, ValueError) as error:
            raise SourceError(f"{host}: {_plain(error)}; check `url` and the network") from None

    def _body(self, answer: HTTPResponse, host: str, deadline_ns: int) -> bytes:
        """Read in pieces, since a socket's time limit starts again with every byte that drips in."""
        pieces: list[bytes] = []
        size = 0
        while piece := answer.read1(CHUNK_BYTES):
            size += len(piece)
            if size > MAX_BYTES:
                raise SourceError(f"{host} sends more than {MAX_BYTES >> 20} MiB for one picture")
            if self._clock.monotonic_ns() > deadline_ns:
                raise TimeoutError
            pieces.append(piece)
        return b"".join(pieces)


def _describe(data: bytes, shown_url: str) -> StreamInfo:
    codec = next((name for magic, name in CODECS.items() if data.startswith(magic)), None)
    if codec is None:
        found = data[:16].decode("ascii", "replace").strip() or "nothing"
        raise SourceError(f"{shown_url} is no JPEG or PNG picture (it begins with {found!r})")
    return StreamInfo(codec=codec, width_px=0, height_px=0, time_base=Fraction(1, 1000))


def _opener(
    url: str, *, username: str | None, password: str | None, options: Mapping[str, str]
) -> urllib.request.OpenerDirector:
    """Basic and digest logins. Certificates are checked only with `tls_verify: 1`, as FFmpeg does: cameras sign their
    own."""
    context = ssl.create_default_context()
    if options.get("tls_verify", "0") != "1":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    if username:
        logins = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        logins.add_password(None, url, username, password or "")
        handlers += [
            urllib.request.HTTPBasicAuthHandler(logins),
            urllib.request.HTTPDigestAuthHandler(logins),
        ]
    return urllib.request.build_opener(*handlers)


def _plain(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason)
