"""`surveil probe` as a person runs it, against a camera with a password."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from surveil.config import load_config
from tests.support.clips import render_clip
from tests.support.rtsp import RtspServer

pytestmark = pytest.mark.usefixtures("rtsp_available")

PASSWORD = "p@:/# %s3cret"


def probed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "surveil", "probe", *arguments],
        cwd=folder,
        env={**os.environ, "SURVEIL_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_probe_tells_the_stream_and_gives_yaml_that_the_daemon_takes(tmp_path: Path) -> None:
    """Given the login beside and inside the URL, the findings are the clip's, no secret is printed, and what is to be
    pasted, completed by a broker and a rule, is a valid configuration."""
    clip = render_clip(tmp_path / "clip.mp4")
    with RtspServer(clip, user="joe", password=PASSWORD) as server:
        beside = probed(tmp_path, server.url(), "--username", "joe", "--seconds", "3")
        inside = probed(tmp_path, server.url(user="joe", password=PASSWORD), "--seconds", "3")
    for done in (beside, inside):
        assert done.returncode == 0, done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        assert "h264, 320x180, over tcp" in done.stdout
        every = re.search(r"every (\d\.\d\d) s \(25 frames\)", done.stdout)
        assert every, done.stdout
        assert 0.9 <= float(every[1]) <= 1.3, "by arrival, which a busy machine delays"
        camera = yaml.safe_load(done.stdout.partition("for config.yaml:")[2])["cameras"][0]
        assert camera["username"] == "${CAMERA_127_0_0_1_USERNAME}"
        _check_config(tmp_path, camera)
    assert (tmp_path / "surveil-probe.jpg").read_bytes().startswith(b"\xff\xd8")


def test_a_camera_that_is_not_there_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    done = probed(tmp_path, "rtsp://joe:s3cret@127.0.0.1:9/live")
    assert done.returncode == 1
    (watching, told) = done.stderr.splitlines()
    assert watching == "watching rtsp://***@127.0.0.1:9/live for 10 s ..."
    assert told.startswith("surveil: 127.0.0.1 refuses connections on port 9")


def _check_config(folder: Path, camera: dict[str, object]) -> None:
    file = folder / "config.yaml"
    rest = {
        "mqtt": {"host": "localhost"},
        "rules": [{"id": "person", "patterns": ["person"]}],
        "cameras": [camera],
    }
    file.write_text(yaml.safe_dump(rest))
    prefix = "CAMERA_127_0_0_1"
    environ = {f"{prefix}_USERNAME": "joe", f"{prefix}_PASSWORD": PASSWORD}
    config = load_config(file, environ=environ)
    assert config.cameras[0].id == camera["id"]
