"""The clips: what is in the files, in the manifest, and what the demo model says of them."""

import itertools
import json
from typing import Any

import av
import pytest

from samples.captioner import DemoCaptioner
from samples.check_clips import CLIPS_FOLDER, QUIET_CLIP, TARGET, Sample, class_at, look_at
from samples.make_clips import FPS, HEIGHT_PX, WIDTH_PX, manifest_entry
from samples.render.wording import RULES
from samples.stories import STORIES

CLIPS: dict[str, Any] = json.loads((CLIPS_FOLDER / "clips.json").read_text(encoding="utf-8"))[
    "clips"
]


def test_the_manifest_is_what_the_stories_say() -> None:
    told = {f"{story.name}.mp4": manifest_entry(story) for story in STORIES}

    assert told == CLIPS


@pytest.mark.parametrize("name", CLIPS)
def test_a_timeline_has_no_holes_and_known_rules(name: str) -> None:
    clip = CLIPS[name]
    timeline = clip["timeline"]

    assert timeline[0]["from_s"] == 0
    assert timeline[-1]["to_s"] == clip["duration_s"]
    for before, after in itertools.pairwise(timeline):
        assert before["to_s"] == after["from_s"]
    assert {rule for part in timeline for rule in part["rules"]} <= set(RULES.values())


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_is_h264_with_a_keyframe_each_second(name: str) -> None:
    with av.open(str(CLIPS_FOLDER / name)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == (WIDTH_PX, HEIGHT_PX)
        packets = [packet for packet in container.demux(stream) if packet.size]
    assert len(packets) == round(CLIPS[name]["duration_s"] * FPS)
    keys = sorted(packet.pts for packet in packets if packet.is_keyframe and packet.pts is not None)
    tick = packets[0].time_base
    assert {round(float((b - a) * tick), 3) for a, b in itertools.pairwise(keys)} == {1.0}


def test_the_two_event_clips_show_four_alarms_of_four_seconds_and_the_quiet_one_none() -> None:
    """The demo plays only these three."""
    shown = {
        rule
        for name in ("entrance.mp4", "square.mp4")
        for part in CLIPS[name]["timeline"]
        for rule in part["rules"]
        if part["to_s"] - part["from_s"] >= 4
    }
    assert len(shown) >= 4
    assert not any(part["rules"] for part in CLIPS[QUIET_CLIP]["timeline"])


def test_frames_near_a_change_are_not_judged() -> None:
    timeline: list[dict[str, object]] = [
        {"from_s": 0, "to_s": 4, "class": "empty"},
        {"from_s": 4, "to_s": 8, "class": "fire"},
    ]

    assert [class_at(timeline, at_s) for at_s in (0.5, 2.0, 3.5, 4.5, 6.0, 9.0)] == [
        None, "empty", None, None, "fire", None,
    ]  # fmt: skip


def test_an_alarm_said_of_a_quiet_scene_is_a_false_alarm_and_a_missed_one_is_not() -> None:
    assert Sample("c", 1.0, "walking", "a man running across a yard").is_false_alarm
    assert not Sample("c", 1.0, "running", "a man walking across a yard").is_false_alarm
    assert not Sample("c", 1.0, "hydrant", "a fire hydrant beside a road").is_false_alarm


def test_the_demo_model_says_of_each_clip_what_the_manifest_says() -> None:
    looks = look_at(DemoCaptioner(), CLIPS_FOLDER)

    wrong = [look for look in looks if not look.is_right]
    assert len(looks) > 120
    assert len(wrong) <= (1 - TARGET) * len(looks), wrong
    assert not [look for look in looks if look.clip == QUIET_CLIP and look.is_false_alarm]
