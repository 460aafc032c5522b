"""Addresses: what they name, and that nothing shown of them holds a secret."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.capture.camera_spec import (
    CameraSpec,
    SourceKind,
    kind_of,
    path_of,
    redact_url,
    with_credentials,
    without_credentials,
)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("rtsp://10.0.0.2/live", SourceKind.RTSP),
        ("RTSPS://10.0.0.2/live", SourceKind.RTSP),
        ("http://10.0.0.2/mjpg", SourceKind.HTTP),
        ("still+https://10.0.0.2/now.jpg", SourceKind.STILL),
        ("/dev/video0", SourceKind.V4L2),
        ("v4l2:///dev/video2", SourceKind.V4L2),
        ("/srv/clip.mp4", SourceKind.FILE),
        ("clip.mp4", SourceKind.FILE),
        ("file:///srv/clip.mp4", SourceKind.FILE),
        ("srt://10.0.0.2:9000", SourceKind.OTHER),
    ],
)
def test_an_address_tells_its_kind(url: str, kind: SourceKind) -> None:
    assert kind_of(url) is kind


def test_files_and_devices_have_paths() -> None:
    assert path_of("file:///srv/a b.mp4") == "/srv/a b.mp4"
    assert path_of("v4l2:///dev/video2") == "/dev/video2"
    assert path_of("clip.mp4") == "clip.mp4"


@given(
    user=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1),
    password=st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1),
)
def test_no_password_survives_in_what_is_shown(user: str, password: str) -> None:
    """Even one that was pasted into the URL without encoding, with slashes, hashes and at-signs in it."""
    secret = f"Zx{password}xZ"
    url = f"rtsp://{user}:{secret}@camera.lan/live"
    assert secret not in redact_url(f"cannot open {url}: refused")
    assert redact_url(url).endswith("@camera.lan/live")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.2/snap.cgi?usr=admin&pwd=s3cret",
        "rtsp://10.0.0.2:554/user=admin_password=s3cret_channel=1_stream=0.sdp",
        "http://10.0.0.2/video?token=s3cret/base64==&channel=1",
        "still+http://joe:s3cret@10.0.0.2/now.jpg",
    ],
)
def test_credentials_in_queries_and_paths_are_hidden_too(url: str) -> None:
    assert "s3cret" not in redact_url(url)
    assert "s3cret" not in repr(CameraSpec("yard", url, password="s3cret", options={"a": "s3cret"}))
    assert "10.0.0.2" in redact_url(url)


@given(user=st.text(min_size=1), password=st.text())
def test_any_login_survives_being_put_into_a_url(user: str, password: str) -> None:
    """Given a name and a password of any characters, when encoded and taken apart again, they are the same."""
    url = with_credentials("rtsp://camera.lan:8554/a?b=c", username=user, password=password)
    assert without_credentials(url) == ("rtsp://camera.lan:8554/a?b=c", user, password)


def test_a_login_inside_the_url_stays() -> None:
    url = f"rtsp://joe:{quote('p@ss')}@camera.lan/"
    assert with_credentials(url, username="eve", password="other") == url
