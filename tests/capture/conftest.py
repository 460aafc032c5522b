"""Clips that the tests of this room share; rendered once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clips import render_clip


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
