"""AlertRecorder: a picture that is durable before its row, and an alert whatever the disk says."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surveil.alerts.recorder import AlertRecorder, Destination, uuid7
from surveil.alerts.snapshots import Snapshots
from surveil.errors import StoreFullError
from surveil.records import Frame, Severity
from tests.fakes import ArrayPicture, flat_picture, make_frame
from tests.support.alerts import Room, make_incident


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
    assert room.recorder.counters() == {"alerts_total": 2, "snapshots_failed_total": 1}


def test_text_only_mode_keeps_words_and_no_pictures(tmp_path: Path) -> None:
    room = Room(tmp_path, snapshots=False)
    alert = room.open()
    assert alert.snapshot_reason == "snapshots are off"
    assert not (tmp_path / "snapshots").exists()


def test_destinations_choose_by_rule_severity_and_camera(tmp_path: Path) -> None:
    destinations = (
        Destination("mqtt"),
        Destination("webhook:desk", severities=frozenset({Severity.CRITICAL})),
        Destination("speech:hall", rules=frozenset({"fire"}), cameras=frozenset({"gate"})),
    )
    room = Room(tmp_path, destinations=destinations)
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


@pytest.mark.parametrize("unix_ms", [0, 1_795_323_845_123, (1 << 48) - 1])
def test_ids_are_version_7_and_sort_by_time(unix_ms: int) -> None:
    made = uuid7(unix_ms)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == unix_ms
    assert len({uuid7(unix_ms) for _ in range(1_000)}) == 1_000
