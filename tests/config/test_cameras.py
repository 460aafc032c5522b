"""Cameras: addresses, credentials, overrides."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from surveil.config import Config
from surveil.config.cameras import Camera
from tests.config.folder import Folder


def camera(**keys: object) -> Camera:
    return Camera.model_validate({"id": "a", **keys})


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("rtsp://h/x", "rtsp"),
        ("rtsps://h", "rtsp"),
        ("http://h/mjpeg", "http"),
        ("https://h", "http"),
        ("still+https://h/a.jpg", "still"),
        ("rtmp://h/live", "other"),
        ("/dev/video0", "device"),
        ("v4l2:///dev/video0", "device"),
        ("clip.mp4", "file"),
        ("file:///srv/clip.mp4", "file"),
        ("/srv/clip.mp4", "file"),
    ],
)
def test_the_address_tells_what_kind_of_camera_it_is(url: str, kind: str) -> None:
    assert camera(url=url).kind == kind


@pytest.mark.parametrize(
    ("keys", "source", "shown"),
    [
        ({"url": "rtsp://h:554/x"}, "rtsp://h:554/x", "rtsp://h:554/x"),
        ({"url": "rtsp://u:p@h/x"}, "rtsp://u:p@h/x", "rtsp://h/x"),
        ({"url": "rtsp://u:p@ss@h/x"}, "rtsp://u:p%40ss@h/x", "rtsp://h/x"),
        ({"url": "rtsp://u:p%40ss@h/x"}, "rtsp://u:p%40ss@h/x", "rtsp://h/x"),
        (
            {"url": "rtsp://h/x", "username": "u", "password": "p/s#?"},
            "rtsp://u:p%2Fs%23%3F@h/x",
            "rtsp://h/x",
        ),
        ({"url": "http://h/x?pwd=s"}, "http://h/x?pwd=s", "http://h/x?..."),
        ({"url": "rtsp://h/user=a_password=s"}, "rtsp://h/user=a_password=s", "rtsp://h/..."),
        ({"url": "clip.mp4"}, "clip.mp4", "clip.mp4"),
    ],
)
def test_credentials_go_into_the_source_and_never_into_the_address(
    keys: dict[str, object], source: str, shown: str
) -> None:
    found = camera(**keys)
    assert (found.source.get_secret_value(), found.address) == (source, shown)


def test_the_snapshot_address_takes_the_same_credentials() -> None:
    snapshot = camera(url="rtsp://u:p@h/sub", snapshot_url="rtsp://h/main").snapshot_source
    assert snapshot is not None
    assert snapshot.get_secret_value() == "rtsp://u:p@h/main"


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_any_password_survives_in_the_source(username: str, password: str) -> None:
    from urllib.parse import unquote, urlsplit

    source = camera(url="rtsp://h/x", username=username, password=password).source
    parts = urlsplit(source.get_secret_value())
    assert parts.hostname == "h"
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (username, password)


@given(st.text(alphabet="a1:/@?#&=%[]", max_size=6), st.text(alphabet="a1:/@?#&=%[]", max_size=6))
def test_a_password_in_an_address_is_refused_or_hidden(before: str, after: str) -> None:
    """Whatever signs it holds: those that end the host must not leave the rest of it in the path."""
    try:
        found = camera(url=f"rtsp://u:{before}hunter2{after}@h/x")
    except ValidationError as error:
        shown = [str(error)]
    else:
        shown = [found.address, repr(found)]
    assert "hunter2" not in "".join(shown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "url: 'rstp://h'",
            "it begins with a scheme that no camera is read from; did you mean rtsp?",
        ),
        ("url: 'rtsp:/h'", "an address begins with a scheme and ://"),
        ("url: 'rtsp://'", "no host can be read from it"),
        ("url: 'rtsp://h:99999/'", "no host can be read from it"),
        ("url: 'rtsp://h', password: x", "has no username beside it"),
        ("url: 'rtsp://u:p@h', username: u", "is given here and in the url too"),
        ("url: clip.mp4, username: u", "means nothing to a file"),
        ("url: 'http://h', poll: 2s", "write the url as still+http://"),
        ("url: 'rtsp://h', rotate: 45", "found the number 45; allowed: 0, 90, 180, 270"),
        (
            "url: 'rtsp://h', mask: [[[0, 0], [1, 1]]]",
            "mask[0]: found a list of 2; allowed: 3 to 64 points",
        ),
        (
            "url: 'rtsp://h', mask: [[[0, 0], [1, 1], [0, 50]]]",
            "mask[0][2][1]: found the number 50",
        ),
        (
            "url: 'rtsp://h', regions: [{id: r, box: [0.5, 0, 0.5, 1]}]",
            "is empty: left must be smaller",
        ),
        (
            "url: 'rtsp://h', regions: [{id: r, box: [0, 0, 1, 1]}, {id: r, box: [0, 0, 1, 1]}]",
            "regions[1].id: r is used twice",
        ),
        ("url: 'rtsp://h', max_interval: 2s", "max_interval: is longer"),
        (
            "url: 'rtsp://h', motion_area: 40%",
            "motion_area: found '40%'; allowed: a part of the picture",
        ),
        ("url: 'rtsp://h', stall_timeout: 0s", "allowed: a duration from 1s to 1h"),
    ],
)
def test_mistakes_in_a_camera(folder: Folder, text: str, expected: str) -> None:
    found = folder.problem(f"cameras: [{{id: a, {text}}}]\n")
    if expected.startswith("max_interval"):
        assert "cameras[0].max_interval: " in found
    else:
        assert expected in found


@pytest.mark.parametrize("camera_id", ["Yard", "-yard", "a b", "a/b", "é", "a" * 64, "", "a\n"])
def test_ids_fit_into_topics_and_file_names(folder: Folder, camera_id: str) -> None:
    import json

    found = folder.problem(f"cameras: [{{id: {json.dumps(camera_id)}, url: rtsp://h}}]\n")
    assert "cameras[0].id: found" in found


def sampling(config: Config) -> tuple[float, float, float | None, float | None]:
    merged = config.sampling_of(config.cameras[0])
    return merged.interval_s, merged.max_interval_s, merged.motion_area, merged.duplicate_area


def test_a_camera_overrides_what_it_names(folder: Folder) -> None:
    text = "cameras: [{id: a, url: rtsp://h, interval: 2s, motion_area: off}]\n"
    assert sampling(folder.load(text)) == (2.0, 60.0, None, 0.004)


def test_a_slow_camera_takes_max_interval_along(folder: Folder) -> None:
    text = "cameras: [{id: a, url: rtsp://h, interval: 10m}]\n"
    assert sampling(folder.load(text))[:2] == (600.0, 600.0)


def test_off_is_none_in_sampling(folder: Folder) -> None:
    text = "sampling: {motion_area: off, duplicate_area: off}\ncameras: [{id: a, url: rtsp://h, duplicate_area: 0.1}]\n"
    assert sampling(folder.load(text))[2:] == (None, 0.1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["true", "on", "yes", "False", "off", "no"]))
def test_switches_take_the_words_people_write(folder: Folder, word: str) -> None:
    config = folder.load(f"cameras: [{{id: a, url: rtsp://h, enabled: {word}}}]\n")
    assert config.cameras[0].enabled is (word in ("true", "on", "yes"))


def test_what_a_camera_is_called(folder: Folder) -> None:
    assert camera(url="rtsp://h", id="loading-dock_2").title == "Loading dock 2"
    assert camera(url="rtsp://h", name="Front").title == "Front"
