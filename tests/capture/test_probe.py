"""What a probe finds out, and what it prints."""

from __future__ import annotations

import argparse
import json
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from surveil.capture.camera_spec import CameraSpec
from surveil.capture.probe import drift_of, probe, span_s
from surveil.commands import probe as command
from surveil.errors import SourceError
from tests.support.clips import read_number, render_clip


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(arguments)) == 0
    return capsys.readouterr().out


def test_a_probe_finds_what_the_clip_is(clip: Path) -> None:
    found = probe(CameraSpec("yard", str(clip)), seconds=2.2)
    assert (found.codec, found.width_px, found.height_px) == ("h264", 320, 180)
    assert found.fps == pytest.approx(25, abs=0.5)
    assert found.gop_s == pytest.approx(1.0, abs=0.02)
    assert found.gop_frames == 25
    assert found.bitrate_bps == pytest.approx(clip.stat().st_size * 8 / 2, rel=0.2)
    assert found.first_frame_s < 2.0
    assert found.key_ms > 0
    assert found.cores_keyframes
    assert found.cores_all
    assert found.cores_all > found.cores_keyframes
    assert read_number(found.still.rgb()) == (found.still.seq - 1) % 50


def test_what_is_printed_can_be_pasted_and_shows_no_secret(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a password in the environment, the YAML names variables for it; the still is a picture."""
    monkeypatch.setenv(command.PASSWORD_VARIABLE, "s3cret")
    still = tmp_path / "still.jpg"
    text = printed(
        capsys, str(clip), "--username", "joe", "--seconds", "1.2", "--still", str(still)
    )
    assert "s3cret" not in text
    assert "joe" not in text
    assert "h264, 320x180, over file" in text
    (camera,) = yaml.safe_load(text.partition("for config.yaml:")[2])["cameras"]
    assert camera == {
        "id": "plain",
        "url": str(clip),
        "username": "${PLAIN_USERNAME}",
        "password": "${PLAIN_PASSWORD}",
    }
    with Image.open(still) as picture:
        assert picture.size == (320, 180)


@pytest.mark.parametrize(
    ("url", "camera_id"),
    [
        ("rtsp://joe:pw@Front-Door.lan/live", "front-door-lan"),
        ("rtsp://192.0.2.10/live", "camera-192-0-2-10"),
        ("/srv/My Clip.mp4", "my-clip"),
        ("/dev/video0", "video0"),
    ],
)
def test_the_proposed_id_is_a_slug_that_starts_with_a_letter(url: str, camera_id: str) -> None:
    assert command.camera_id_for(url) == camera_id


@pytest.mark.parametrize("ppm", [0.0, 120.0, -80.0])
def test_drift_is_measured_through_jitter_and_the_first_burst(ppm: float) -> None:
    """Given 60 s of 25 fps with 5 ms of jitter, of which the first half second came at once, the drift is found within
    its own error."""
    chance = np.random.default_rng(3)
    stream = np.arange(1500) / 25
    here = np.maximum(0.5, stream / (1 + ppm / 1e6)) + chance.uniform(0, 0.005, 1500)
    drift = drift_of(list(zip(here.tolist(), stream.tolist(), strict=True)))
    assert drift
    assert abs(drift.ppm - ppm) < 2 * drift.error_ppm
    assert drift.error_ppm < 20


def test_too_little_is_no_drift() -> None:
    assert drift_of([]) is None
    assert drift_of([(0.0, 0.0), (0.1, 0.1)]) is None


def test_a_stream_that_gives_no_picture_says_so(clips: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        probe(CameraSpec("yard", str(clips / "none.mp4")), seconds=0.1)


def test_one_picture_tells_no_rate_and_says_so(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a camera of stills that is watched for less than its period, no rate is made up, and the remedy is told."""
    words = (f"still+http://{address}/now.jpg", "--seconds", "0.3", "--still")
    text = printed(capsys, *words, str(tmp_path / "still.jpg")).partition("for config.yaml")[0]
    assert "one picture was seen in 0.3 s, which tells nothing of frame rate, bitrate" in text
    assert "try --seconds 10" in text
    assert not re.search(r"frames/s|Mbit/s|keyframes:|clock:|0\.0000", text)
    assert "mjpeg, 320x180, over still" in text


def test_one_picture_is_null_in_json_with_the_remedy_beside_it(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    words = [f"still+http://{address}/now.jpg", "--seconds", "0.3", "--json", "--still"]
    assert command.run(parser.parse_args([*words, str(tmp_path / "still.jpg")])) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    rates = ("fps", "bitrate_bps", "gop_s", "drift_ppm", "cores_all", "cores_keyframes")
    assert [found[name] for name in rates] == [None] * 6
    assert (found["frames"], found["watched_s"]) == (1, 0.0)
    assert "one picture was seen in 0.3 s" in err


def test_two_stills_have_the_rate_at_which_they_were_asked_for(address: str) -> None:
    """The second picture's bytes are not counted: the time in which they would be used up has not passed."""
    found = probe(CameraSpec("yard", f"still+http://{address}/now.jpg", poll_s=0.5), seconds=0.4)
    assert found.frames == 2
    assert found.fps == pytest.approx(2.0, rel=0.3)
    with urllib.request.urlopen(f"http://{address}/now.jpg") as answer:
        one = len(answer.read())
    assert found.bitrate_bps
    assert found.bitrate_bps * found.watched_s / 8 == pytest.approx(one, rel=0.3)


@pytest.mark.parametrize(
    ("arrived_s", "stream_s", "span"),
    [
        ([3.0], [7.0], 0.0),
        ([3.0, 3.001, 3.002], [7.0, 7.04, 7.08], 0.08),
        ([3.0, 8.0, 13.0], [7.0, 12.1, 17.2], 10.2),
        ([3.0, 8.0, 13.0], [7.0, 12.0, 95_000.0], 10.0),
        ([3.0, 8.0], [], 5.0),
    ],
    ids=["one", "burst", "steady", "jump", "no clock"],
)
def test_the_time_watched_is_the_streams_own_unless_its_clock_jumped(
    arrived_s: list[float], stream_s: list[float], span: float
) -> None:
    clocks = list(zip(arrived_s, stream_s, strict=False))
    assert span_s([round(s * 1e9) for s in arrived_s], clocks) == pytest.approx(span)


def test_json_is_complete(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = render_clip(clips / "wide.mp4", frames=30, width_px=1600, height_px=900)
    still = str(tmp_path / "still.jpg")
    found = json.loads(printed(capsys, str(wide), "--seconds", "1.1", "--json", "--still", still))
    assert found["width_px"] == 1600
    assert {"fps", "gop_s", "drift_ppm", "cores_all", "bitrate_bps"} <= found.keys()
    text = printed(capsys, str(wide), "--seconds", "1.1", "--still", still)
    assert "if the camera has a substream" in text
