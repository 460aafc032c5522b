"""Clips, rendered once a session, and a camera of stills that the tests of this room share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.clips import render_clip
from tests.support.still_camera import StillCamera


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def clip(clips: Path) -> Path:
    """2 s of H.264 at 25 fps, a keyframe a second, pictures numbered from 0."""
    return render_clip(clips / "plain.mp4")


@pytest.fixture(scope="session")
def clip_with_b_frames(clips: Path) -> Path:
    """The same, in which pictures arrive in another order than they are shown."""
    return render_clip(clips / "b-frames.mp4", b_frames=2)


@pytest.fixture
def address() -> Iterator[str]:
    """Host and port of a StillCamera."""
    StillCamera.served, StillCamera.halves = 0, False
    with ThreadingHTTPServer(("127.0.0.1", 0), StillCamera) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
