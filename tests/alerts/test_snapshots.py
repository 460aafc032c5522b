"""Snapshots: files that are whole or not there, that tell their own story, and shrink for small clients."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surveil.alerts.snapshots import TEMPORARY, Snapshots, safe_name, write_durably
from surveil.errors import StoreError, StoreFullError
from tests.fakes import ArrayPicture
from tests.support.alerts import Room, make_draft


def test_the_picture_tells_its_own_story_in_unicode(tmp_path: Path) -> None:
    room = Room(tmp_path)
    alert = room.open(text="一个人 <climbs> über den Zaun")
    assert alert.snapshot is not None
    image = Image.open(io.BytesIO((tmp_path / "snapshots" / alert.snapshot.path).read_bytes()))
    details = image.getexif().get_ifd(0x8769)
    assert details[0xA420] == alert.alert_id
    assert details[0x9011] == "+00:00"
    assert details[0x9286].removeprefix(b"UNICODE\0").decode("utf-16-be") == alert.caption
    assert image.getexif()[0x0110] == "yard"
    xmp = image.info["xmp"].decode()
    assert "一个人 &lt;climbs&gt; über den Zaun" in xmp
    assert 'surveil:rule="person-climbing"' in xmp


def test_paths_follow_the_contract_in_local_time(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, tz=timezone(timedelta(hours=8)))
    room = Room(tmp_path)
    draft = replace(
        make_draft(room.clock, "entrance"),
        alert_id="0197f6e2-6c31-7d21-9a41-c07e9a41c07e",
        captured_unix_ms=1_795_323_845_123,
    )
    assert str(snapshots.path_for(draft)) == (
        "entrance/2026-11-22/130405.123_person-climbing_9a41c07e.jpg"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Person / Climbing?", "person-climbing"),
        ("../../etc/passwd", "etc-passwd"),
        ("火", "x"),
        ("a" * 200, "a" * 48),
        ("CON: NUL", "con-nul"),
    ],
)
def test_names_are_safe_on_any_file_system(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_an_unfinished_file_is_never_seen_and_never_left(tmp_path: Path) -> None:
    def fail(stream: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreFullError, match="disk is full"):
        write_durably(tmp_path / "a/b.jpg", fail)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_paths_outside_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    snapshots = Snapshots(tmp_path / "snapshots")
    for path in ("../secret", str(tmp_path / "secret")):
        with pytest.raises(StoreError, match="does not lie below"):
            snapshots.open(path)


def test_no_file_lies_about_with_a_temporary_name(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.open()
    assert not any(TEMPORARY in name for name in room.pictures())


def noise(width_px: int, height_px: int) -> ArrayPicture:
    """What no JPEG can make small."""
    chance = np.random.default_rng(1)
    return ArrayPicture(chance.integers(0, 255, (height_px, width_px, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("max_px", "max_bytes", "width_px"), [(640, 1 << 20, 640), (4_000, 1 << 22, 1280)]
)
def test_a_scaled_picture_keeps_its_shape_and_story(
    tmp_path: Path, max_px: int, max_bytes: int, width_px: int
) -> None:
    room = Room(tmp_path)
    alert = room.open(picture=noise(1280, 720))
    small = room.snapshots.scaled(alert, max_px=max_px, max_bytes=max_bytes)
    image = Image.open(io.BytesIO(small))
    assert image.size == (width_px, width_px * 9 // 16)
    assert image.getexif().get_ifd(0x8769)[0xA420] == alert.alert_id


def test_a_scaled_picture_gives_up_quality_then_size_then_all_of_it(tmp_path: Path) -> None:
    room = Room(tmp_path)
    alert = room.open(picture=noise(1280, 720))
    best = room.snapshots.scaled(alert, max_px=640, max_bytes=1 << 20)
    worse = room.snapshots.scaled(alert, max_px=640, max_bytes=len(best) - 1)
    assert Image.open(io.BytesIO(worse)).size == (640, 360)
    tiny = room.snapshots.scaled(alert, max_px=640, max_bytes=20_000)
    assert 0 < len(tiny) <= 20_000
    assert Image.open(io.BytesIO(tiny)).size < (640, 360)
    assert room.snapshots.scaled(alert, max_px=640, max_bytes=100) == b""


def test_an_alert_without_a_picture_has_none_to_scale(tmp_path: Path) -> None:
    room = Room(tmp_path, snapshots=False)
    assert room.snapshots.scaled(room.open(), max_px=640, max_bytes=1 << 20) == b""


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_a_file_that_is_no_picture_any_more_is_said(tmp_path: Path, content: bytes | None) -> None:
    """A disk that lies must cost one picture, not the thread that delivers."""
    room = Room(tmp_path)
    alert = room.open(picture=noise(640, 360))
    assert alert.snapshot is not None
    file = room.snapshots.folder / alert.snapshot.path
    file.write_bytes(file.read_bytes()[:2_000] if content is None else content)
    with pytest.raises(StoreError, match="cannot be used"):
        room.snapshots.scaled(alert, max_px=640, max_bytes=1 << 20)
