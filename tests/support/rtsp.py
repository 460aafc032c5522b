"""`RtspServer`: a real RTSP server on a free loopback port, for as long as a `with` block lasts."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Any
from urllib.parse import quote

import av

DEBIAN_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
START_S = 30.0


def unavailable() -> str | None:
    """Why no RTSP server can be started here, or None."""
    check = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); "
        "from gi.repository import GstRtspServer"
    )
    try:
        done = subprocess.run(
            [DEBIAN_PYTHON, "-c", check], capture_output=True, check=False, timeout=START_S
        )
    except OSError:
        return f"{DEBIAN_PYTHON} is missing"
    if done.returncode == 0:
        return None
    return "needs Debian's packages gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good and -bad"


class RtspServer:
    """Plays a clip (MP4: H.264, H.265 or MJPEG) in a loop to whoever connects.

    `files` is one clip, served at `/live`, or a mapping from paths to clips. `kill` and `start` let a test pull the
    plug and put it back, on the same port.
    """

    def __init__(
        self,
        files: Path | str | Mapping[str, Path | str],
        *,
        user: str | None = None,
        password: str | None = None,
        digest: bool = False,
        udp_only: bool = False,
        certificate: Path | None = None,
        address: str = "127.0.0.1",
        wrapper: tuple[str, ...] = (),
    ) -> None:
        mounts = files if isinstance(files, Mapping) else {"/live": files}
        self.port = 0
        self.address = address
        self._wrapper = wrapper
        self._options: dict[str, Any] = {
            "mounts": {path: _clip(file) for path, file in mounts.items()},
            "address": address,
            "user": user,
            "password": password,
            "digest": digest,
            "udp_only": udp_only,
            "certificate": str(certificate) if certificate else None,
        }
        self._process: subprocess.Popen[str] | None = None
        self._lines: Queue[str] = Queue()

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def url(self, path: str = "/live", *, user: str | None = None, password: str = "") -> str:
        """Where the clip is; with credentials inside only when `user` is given."""
        scheme = "rtsps" if self._options["certificate"] else "rtsp"
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return f"{scheme}://{login}{self.address}:{self.port}{path}"

    def start(self) -> None:
        """Listen again, on the port of the first time."""
        assert self._process is None, "already running"
        self._lines = Queue()
        options = json.dumps({**self._options, "port": self.port})
        self._process = subprocess.Popen(
            [*self._wrapper, DEBIAN_PYTHON, str(SERVER), options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()
        word, port = self._line().split()
        assert word == "ready"
        self.port = int(port)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()
        self._process = None

    def stall(self) -> None:
        """Send nothing more, and close nothing."""
        self._command("stall")

    def resume(self) -> None:
        self._command("resume")

    def disconnect(self) -> None:
        """Close every client's connection."""
        self._command("disconnect")

    def mount(self, path: str, file: Path | str) -> None:
        """Serve another clip at a path, from the next connection on."""
        clip = _clip(file)
        self._options["mounts"][path] = clip
        self._command(f"mount {json.dumps({'path': path, **clip})}")

    def _command(self, line: str) -> None:
        assert self._process is not None, "not running"
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._line() == f"done {line.split()[0]}"

    def _line(self) -> str:
        try:
            line = self._lines.get(timeout=START_S)
        except Empty:
            raise AssertionError("the RTSP server says nothing") from None
        assert line, "the RTSP server ended; its complaint is above"
        return line

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: Queue[str]) -> None:
        assert process.stdout
        with process.stdout as stdout:
            for line in stdout:
                lines.put(line.strip())
        lines.put("")


def _clip(file: Path | str) -> dict[str, str]:
    with av.open(str(file)) as container:
        codec = container.streams.video[0].codec_context.name
    return {"file": str(Path(file).resolve()), "codec": codec}
