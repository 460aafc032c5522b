"""AlertRecorder and Snapshots: a picture that is durable before its row, and an alert whatever the disk says."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surveil.alerts.recorder import AlertRecorder, Destination, uuid7
from surveil.alerts.snapshots import TEMPORARY, Snapshots, safe_name, write_durably
from surveil.errors import StoreError, StoreFullError
from surveil.records import Frame, Severity
from tests.fakes import ArrayPicture, flat_picture, make_frame
from tests.support.alerts import Room, make_draft, make_incident


def test_the_snapshot_is_the_captioned_frame_at_full_size(tmp_path: Path) -> None:
    room = Room(tmp_path)
    pixels = np.zeros((360, 640, 3), dtype=np.uint8)
    pixels[:, :320] = (200, 30, 30)
    snapshot = room.open(picture=ArrayPicture(pixels)).snapshot
    assert snapshot is not None
    content = (tmp_path / "snapshots" / snapshot.path).read_bytes()
    image = Image.open(io.BytesIO(content))
    assert image.size == (snapshot.width_px, snapshot.height_px) == (640, 360)
    assert hashlib.sha256(content).hexdigest() == snapshot.sha256
    left, right = image.getpixel((100, 100)), image.getpixel((600, 100))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 150 > 60 > right[0]


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


def test_a_disk_that_takes_no_picture_still_lets_the_alert_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(tmp_path)

    def full(*args: object, **kwargs: object) -> None:
        raise StoreFullError("x.jpg cannot be written: the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("surveil.alerts.snapshots.write_durably", full)
        alert = room.open()
        assert (alert.snapshot, alert.durable) == (None, True)
        assert "disk is full" in (alert.snapshot_reason or "")
        assert [problem.code for problem in room.recorder.problems()] == ["disk"]
    assert room.open().snapshot is not None
    assert room.recorder.problems() == ()


def test_text_only_mode_keeps_words_and_no_pictures(tmp_path: Path) -> None:
    room = Room(tmp_path, snapshots=False)
    alert = room.open()
    assert alert.snapshot_reason == "snapshots are off"
    assert not (tmp_path / "snapshots").exists()


def test_routes_choose_by_rule_severity_and_camera(tmp_path: Path) -> None:
    routes = (
        Destination("mqtt"),
        Destination("webhook:desk", severities=frozenset({Severity.CRITICAL})),
        Destination("speech:hall", rules=frozenset({"fire"}), cameras=frozenset({"gate"})),
    )
    room = Room(tmp_path, destinations=routes)
    room.open("yard", rule_id="fire")
    room.open("gate", rule_id="fire", severity=Severity.CRITICAL)
    waiting = {name: room.waiting(name) for name in ("mqtt", "webhook:desk", "speech:hall")}
    assert waiting == {"mqtt": [1, 1], "webhook:desk": [1], "speech:hall": [1]}


def test_the_better_picture_of_the_main_stream_is_taken(tmp_path: Path) -> None:
    class MainStream:
        def snapshot_frame(self, frame: Frame) -> tuple[Frame, int]:
            return make_frame("yard", picture=flat_picture(width_px=1280, height_px=720)), 40

    room = Room(tmp_path)
    recorder = AlertRecorder(
        room.store,
        Snapshots(tmp_path / "snapshots", burn_in=True),
        [Destination("mqtt")],
        clock=room.clock,
        wall=room.wall,
        source=MainStream(),
        boxes={("yard", "door"): (0.1, 0.1, 0.5, 0.5)},
    )
    snapshot = recorder.record(make_incident(room.clock, region_id="door")).snapshot
    assert snapshot is not None
    assert (snapshot.width_px, snapshot.offset_ms) == (1280, 40)
    image = Image.open(tmp_path / "snapshots" / snapshot.path).convert("RGB")
    frame_colour = image.getpixel((400, 72))
    band_colour = image.getpixel((1270, 715))
    assert isinstance(frame_colour, tuple)
    assert frame_colour[0] > 200 > 120 > frame_colour[1]
    assert isinstance(band_colour, tuple)
    assert max(band_colour) < 20


def test_no_file_lies_about_with_a_temporary_name(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.open()
    assert not any(TEMPORARY in name for name in room.pictures())


@pytest.mark.parametrize("unix_ms", [0, 1_795_323_845_123, (1 << 48) - 1])
def test_ids_are_version_7_and_sort_by_time(unix_ms: int) -> None:
    made = uuid7(unix_ms)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == unix_ms
    assert len({uuid7(unix_ms) for _ in range(1_000)}) == 1_000
