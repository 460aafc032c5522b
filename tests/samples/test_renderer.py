"""The renderer: the same seed gives the same scene, and words say what was drawn."""

import numpy as np
import pytest

from samples.architecture import IMAGE_PX
from samples.render.camera import LIGHTS, to_square
from samples.render.figure import climbing, lying, running, walking
from samples.render.sampler import sample
from samples.render.scene import draw
from samples.render.wording import CLASSES, RULES, judge
from samples.stories import STORIES, Story
from samples.views import TRAINING_SEEDS, draw_range

SEED = TRAINING_SEEDS + 7_000_000
LOOPS = [story for story in STORIES if story.name not in {"window", "workshop"}]


@pytest.mark.parametrize("class_name", CLASSES)
def test_a_seed_always_gives_the_same_bytes_and_words(class_name: str) -> None:
    first, second = sample(SEED, class_name), sample(SEED, class_name)

    assert first == second
    picture = draw(first, width_px=256, height_px=144)
    assert picture.shape == (144, 256, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, draw(second, width_px=256, height_px=144))


def test_drawing_other_scenes_in_between_changes_nothing() -> None:
    """No state is carried from scene to scene: workers may draw in any order."""
    before = draw(sample(SEED), width_px=160, height_px=90)
    for other in range(20):
        draw(sample(other), width_px=160, height_px=90)

    np.testing.assert_array_equal(before, draw(sample(SEED), width_px=160, height_px=90))


def test_seeds_differ() -> None:
    pictures = {
        draw(sample(SEED + n, "walking"), width_px=64, height_px=36).tobytes() for n in range(50)
    }

    assert len(pictures) == 50


@pytest.mark.parametrize("class_name", CLASSES)
def test_every_allowed_wording_is_judged_as_its_class(class_name: str) -> None:
    """Else the evaluator would count a right answer as wrong, or the other way round."""
    scenes = [sample(SEED + n, class_name) for n in range(300)]

    assert {scene.camera.light for scene in scenes} == set(LIGHTS)
    for scene in scenes:
        assert scene.class_name == class_name
        assert [judge(caption) for caption in scene.captions] == [class_name] * len(scene.captions)
        assert not any(mark in caption for caption in scene.captions for mark in "{}")


@pytest.mark.parametrize(
    ("caption", "class_name"),
    [
        ("a fire hydrant beside a road", "hydrant"),
        ("a fire burning beside a fire hydrant", "fire"),
        ("a woman walking past a fire hydrant", "walking"),
        ("a man running from a burning car", "unclear"),
        ("a closed window in a white wall at night", "window"),
        ("a package and a broken window", "unclear"),
        ("a man walking past a parked car", "walking"),
        ("grass", "unclear"),
    ],
)
def test_a_caption_is_judged_by_its_words(caption: str, class_name: str) -> None:
    assert judge(caption) == class_name


def test_each_alarm_class_has_a_rule_and_no_quiet_class_has() -> None:
    quiet = {"empty", "walking", "window", "car", "hydrant"}

    assert set(RULES) == set(CLASSES) - quiet


def test_views_are_squares_of_the_models_size_and_do_not_depend_on_the_range() -> None:
    six, last_three = draw_range(100, 6), draw_range(103, 3)

    assert six.pictures.shape == (6, IMAGE_PX, IMAGE_PX, 3)
    assert len(six.captions) == len(six.classes) == len(six.labels) == 6
    np.testing.assert_array_equal(six.pictures[3:], last_three.pictures)
    np.testing.assert_array_equal(six.labels[3:], last_three.labels)


@pytest.mark.parametrize("method", ["area", "linear", "bicubic"])
def test_scaling_keeps_brightness(method: str) -> None:
    picture = draw(sample(SEED, "car"), width_px=640, height_px=360)

    small = to_square(picture, 96, method=method)

    assert small.shape == (96, 96, 3)
    assert abs(float(small.mean()) - float(picture.mean())) < 1.5


def test_a_walker_always_has_a_foot_on_the_ground_and_a_runner_not() -> None:
    def lowest(phase: float, gait: str) -> float:
        bones = walking(phase) if gait == "walk" else running(phase)
        return min(bones.far_leg[2][1], bones.near_leg[2][1])

    phases = [n / 40 for n in range(40)]
    assert max(abs(lowest(phase, "walk")) for phase in phases) < 1e-9
    assert max(lowest(phase, "run") for phase in phases) > 0.03


def test_a_climber_leaves_the_ground_and_reaches_over_the_top() -> None:
    top = climbing(0.5, fence_height=1.1)
    start = climbing(0.05, fence_height=1.1)

    assert top.hip[1] > 1.1 > start.hip[1]
    assert min(start.far_leg[2][1], start.near_leg[2][1]) > 0


def test_a_body_keeps_its_proportions_in_every_pose() -> None:
    for bones in (walking(0.3), running(0.6), lying(0.5), climbing(0.2, fence_height=1.0)):
        for hip, knee, foot in (bones.far_leg, bones.near_leg):
            assert np.hypot(knee[0] - hip[0], knee[1] - hip[1]) == pytest.approx(0.245)
            assert np.hypot(foot[0] - knee[0], foot[1] - knee[1]) == pytest.approx(0.245, abs=0.01)


@pytest.mark.parametrize("story", LOOPS, ids=lambda story: str(story.name))
def test_a_clip_ends_on_the_picture_it_begins_with(story: Story) -> None:
    """Played in a loop it must not jump, except where something broke or burns."""
    first = story.scene_at(0.0, 0)
    last = story.scene_at(story.duration_s - 0.01, 0)

    assert first.layers == last.layers
    assert first.place == last.place
