"""Which alerts the demo expects follows from the clips' manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from surveil.demo.story import CAMERAS, DemoCamera, Event, demo_cameras, samples_folder
from surveil.errors import ConfigError


def samples(folder: Path, **timelines: list[dict[str, Any]]) -> Path:
    """A samples folder whose clips are empty files with these timelines."""
    clips = folder / "clips"
    clips.mkdir()
    manifest: dict[str, dict[str, Any]] = {"clips": {}}
    for clip in CAMERAS.values():
        (clips / clip).touch()
        timeline = timelines.get(clip.removesuffix(".mp4"), [])
        manifest["clips"][clip] = {"timeline": timeline}
    (clips / "clips.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def segment(from_s: float, to_s: float, *rules: str) -> dict[str, Any]:
    return {"from_s": from_s, "to_s": to_s, "class": "x", "rules": list(rules)}


def test_events_come_from_the_manifest(tmp_path: Path) -> None:
    folder = samples(
        tmp_path, entrance=[segment(0, 4), segment(4, 9, "fire"), segment(9, 12, "a", "b")]
    )
    entrance, square, yard = demo_cameras(folder)
    assert [(e.rule_id, e.from_s, e.to_s) for e in entrance.events] == [
        ("fire", 4.0, 9.0),
        ("a", 9.0, 12.0),
        ("b", 9.0, 12.0),
    ]
    assert square.events == yard.events == ()


def test_another_clip_takes_its_events_along(tmp_path: Path) -> None:
    folder = samples(tmp_path, entrance=[segment(0, 4, "fire")])
    swapped = demo_cameras(folder, {"yard": "entrance.mp4", "entrance": "quiet.mp4"})
    assert {c.camera_id: [e.rule_id for e in c.events] for c in swapped} == {
        "entrance": [],
        "square": [],
        "yard": ["fire"],
    }


@pytest.mark.parametrize(("seconds", "expected"), [(5, set()), (7, {"fire"}), (20, {"fire"})])
def test_only_what_was_on_screen_long_enough_is_expected(
    seconds: float, expected: set[str]
) -> None:
    camera = DemoCamera("yard", Path("clip.mp4"), (Event("fire", 4.0, 15.0),))
    assert camera.expected(seconds) == expected


def test_a_missing_clip_is_named(tmp_path: Path) -> None:
    folder = samples(tmp_path)
    (folder / "clips" / "square.mp4").unlink()
    with pytest.raises(ConfigError, match=r"camera square: .*square\.mp4"):
        demo_cameras(folder)


def test_a_clip_that_the_manifest_does_not_know_is_named(tmp_path: Path) -> None:
    folder = samples(tmp_path)
    (folder / "clips" / "mine.mp4").touch()
    with pytest.raises(ConfigError, match=r"mine\.mp4 is not in the manifest"):
        demo_cameras(folder, {"yard": "mine.mp4"})


def test_the_projects_own_samples_are_found_and_hold_four_different_events() -> None:
    cameras = demo_cameras(samples_folder())
    rules = {event.rule_id for camera in cameras for event in camera.events}
    assert len(rules) >= 4
    assert next(c for c in cameras if c.camera_id == "yard").events == ()
