"""Pictures that are fetched one by one: `still+http://camera/snapshot.jpg`."""

from __future__ import annotations

import av.error

from surveil.capture.address import STILL
from surveil.capture.packet import StreamInfo
from surveil.capture.reasons import Attempt, explain_read
from surveil.capture.source import Arrival, VideoPacket, Wait, describe, open_container
from surveil.capture.spec import CameraSpec
from surveil.clock import NS_PER_S, Clock, ns
from surveil.errors import SourceError

SLICE_S = 0.5
"""Longest wait between two signs of life."""


class StillSource:
    """Asks for a picture every `poll_s`; each is a keyframe. FFmpeg fetches it: logins and TLS work as for streams."""

    def __init__(self, spec: CameraSpec, *, clock: Clock, wait: Wait) -> None:
        self._spec, self._clock, self._wait = spec, clock, wait
        self._url = spec.url[len(STILL) :]
        self._period_ns = ns(spec.poll_s or spec.interval_s)
        self._due_ns = clock.monotonic_ns()
        packet, self.info = self._fetch()
        self._first: VideoPacket | None = packet

    def read(self) -> Arrival | None:
        """Waits until the next picture is due, in slices of half a second, and fetches it."""
        left_s = (self._due_ns - self._clock.monotonic_ns()) / NS_PER_S
        if left_s > 0 and (self._wait(min(left_s, SLICE_S)) or left_s > SLICE_S):
            return None
        now_ns = self._clock.monotonic_ns()
        self._due_ns = max(self._due_ns + self._period_ns, now_ns)
        packet, self._first = self._first, None
        return Arrival(packet or self._fetch()[0], now_ns)

    def close(self) -> None:
        """Nothing is held open between two pictures."""

    def _fetch(self) -> tuple[VideoPacket, StreamInfo]:
        """One picture, over a connection of its own, under the camera's deadlines. Raises SourceError."""
        with open_container(self._spec, self._url, clock=self._clock) as container:
            info = describe(container, self._spec.shown_url)
            try:
                packet = next(container.demux(container.streams.video[0]))
            except (av.error.FFmpegError, OSError, StopIteration) as error:
                attempt = Attempt(self._spec, self._url, 0.0, self._spec.read_timeout_s)
                raise SourceError(explain_read(error, attempt)) from None
        packet.pts = packet.dts = None
        packet.is_keyframe = True
        return packet, info
