"""A real RTSP server (GStreamer's) that plays MP4 files in a loop. Run by Debian's /usr/bin/python3, not by the venv's.

One argument, a JSON object: port, mounts {path: {file, codec}}, user, password, digest, certificate (PEM file: rtsps).
Prints `ready PORT` once it listens. Reads commands from standard input, one a line: `stall` (send nothing, close
nothing), `resume`, `disconnect` (close every client), `mount {"path":..., "file":..., "codec":...}`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - after require_version

PARSERS = {
    "h264": ("h264parse", "video/x-h264,stream-format=byte-stream,alignment=au", "rtph264pay"),
    "hevc": ("h265parse", "video/x-h265,stream-format=byte-stream,alignment=au", "rtph265pay"),
    "mjpeg": ("jpegparse", "image/jpeg", "rtpjpegpay"),
}
FLOWING = threading.Event()
FLOWING.set()


class Clip:
    """A file's access units in memory, in decode order."""

    def __init__(self, path: str, codec: str) -> None:
        parser, caps, self.payloader = PARSERS[codec]
        tail = f"{caps} ! appsink name=out sync=false"
        source = f"filesrc location={path} ! qtdemux ! {parser}"
        options = "config-interval=-1" if codec != "mjpeg" else ""
        pipeline = Gst.parse_launch(f"{source} {options} ! {tail}")
        sink = pipeline.get_by_name("out")
        pipeline.set_state(Gst.State.PLAYING)
        self.units: list[tuple[bytes, int, int]] = []
        while sample := sink.emit("pull-sample"):
            self.caps = sample.get_caps()
            unit = sample.get_buffer()
            data = unit.extract_dup(0, unit.get_size())
            dts = unit.dts if unit.dts != Gst.CLOCK_TIME_NONE else unit.pts
            self.units.append((data, unit.pts, dts))
        pipeline.set_state(Gst.State.NULL)
        first_ns = self.units[0][2]
        self.units = [(data, pts - first_ns, dts - first_ns) for data, pts, dts in self.units]
        step_ns = self.units[-1][2] // max(1, len(self.units) - 1)
        self.length_ns = self.units[-1][2] + step_ns


class Player(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]
    """One pipeline for all clients of a path, fed from memory at the clip's own pace."""

    def __init__(self, path: str, codec: str) -> None:
        super().__init__()
        self._clip = Clip(path, codec)
        self.set_shared(True)
        self.set_latency(0)
        self.set_launch(
            f"( appsrc name=feed is-live=true format=time ! {self._clip.payloader} name=pay0 pt=96 )"
        )
        self.connect("media-configure", self._configure)

    def _configure(self, _factory: Any, media: Any) -> None:
        feed = media.get_element().get_by_name("feed")
        feed.set_property("caps", self._clip.caps)
        gone = threading.Event()
        media.connect("unprepared", lambda _media: gone.set())
        threading.Thread(target=self._push, args=(feed, gone), daemon=True).start()

    def _push(self, feed: Any, gone: threading.Event) -> None:
        start_ns = time.monotonic_ns()
        offset_ns = 0
        while not gone.is_set():
            for data, pts, dts in self._clip.units:
                wait_s = (start_ns + offset_ns + dts - time.monotonic_ns()) / 1e9
                if gone.wait(max(0.0, wait_s)):
                    return
                FLOWING.wait()
                unit = Gst.Buffer.new_wrapped(data)
                unit.pts, unit.dts = offset_ns + pts, offset_ns + dts
                if feed.emit("push-buffer", unit) != Gst.FlowReturn.OK:
                    return
            offset_ns += self._clip.length_ns


def make_auth(options: dict[str, Any]) -> Any:
    """Basic or digest, for every path; TLS when there is a certificate."""
    auth = GstRtspServer.RTSPAuth()
    if options.get("certificate"):
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(options["certificate"]))
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if not options.get("user"):
        auth.set_default_token(token)
    else:
        user, password = options["user"], options["password"]
        if options.get("digest"):
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    return auth


def mount(server: Any, options: dict[str, Any], *, path: str, file: str, codec: str) -> None:
    player = Player(file, codec)
    if options.get("udp_only"):
        player.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    if options.get("user") or options.get("certificate"):
        allowed = GstRtspServer.RTSPPermissions()
        allowed.add_permission_for_role("user", "media.factory.access", True)
        allowed.add_permission_for_role("user", "media.factory.construct", True)
        player.set_permissions(allowed)
    server.get_mount_points().add_factory(path, player)


def obey(server: Any, options: dict[str, Any], loop: Any) -> None:
    """Commands from standard input until it closes."""
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "stall":
            FLOWING.clear()
        elif word == "resume":
            FLOWING.set()
        elif word == "disconnect":
            server.client_filter(lambda *_: GstRtspServer.RTSPFilterResult.REMOVE)
        elif word == "mount":
            mount(server, options, **json.loads(rest))
        print(f"done {word}", flush=True)
    loop.quit()


def main() -> None:
    options = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.get("address", "127.0.0.1"))
    server.set_service(str(options.get("port", 0)))
    if options.get("user") or options.get("certificate"):
        server.set_auth(make_auth(options))
    for path, clip in options["mounts"].items():
        mount(server, options, path=path, **clip)
    if not server.attach(None):
        sys.exit("cannot listen")
    loop = GLib.MainLoop()
    threading.Thread(target=obey, args=(server, options, loop), daemon=True).start()
    print(f"ready {server.get_bound_port()}", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
