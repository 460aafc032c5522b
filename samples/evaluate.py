"""Measures the demo model on drawn scenes that it never trained on.

    python samples/evaluate.py --seed-base 200000000 --count 1200

For each class: how many captions are word for word one of the scene's allowed wordings, and how many
speak of the right class, judged from the generated words alone. Exits 1 below the targets and 2 when
the seeds are training seeds.
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from samples.captioner import MODEL_FOLDER, DemoCaptioner
from samples.render.canvas import Pixels
from samples.render.sampler import sample
from samples.render.scene import Scene, draw
from samples.render.wording import CLASSES, judge
from samples.views import TRAINING_SEEDS

TARGET_OVERALL = 0.95
TARGET_EACH = 0.85
_BATCH = 48
# Pictures as cameras deliver them, mostly 640x360: one of these by the remainder of the seed.
_SIZES_PX = ((640, 360), (640, 360), (640, 360), (704, 396), (1280, 720), (640, 480), (640, 360))


@dataclass(frozen=True, slots=True)
class Answer:
    """One scene and what the model said about it."""

    class_name: str
    allowed: tuple[str, ...]
    caption: str

    @property
    def is_exact(self) -> bool:
        """Word for word one of the allowed wordings."""
        return self.caption in self.allowed

    @property
    def is_right_class(self) -> bool:
        """Speaks of the right class, whatever the words."""
        return judge(self.caption) == self.class_name


@dataclass(frozen=True, slots=True)
class Score:
    """Counts for one class, or for all together."""

    count: int = 0
    exact: int = 0
    right: int = 0

    def plus(self, answer: Answer) -> "Score":
        """This score with one more answer."""
        return Score(
            self.count + 1, self.exact + answer.is_exact, self.right + answer.is_right_class
        )

    @property
    def exact_share(self) -> float:
        """0..1; 0 for a class without scenes."""
        return self.exact / self.count if self.count else 0.0

    @property
    def right_share(self) -> float:
        """0..1; 0 for a class without scenes."""
        return self.right / self.count if self.count else 0.0


def tally(answers: Iterable[Answer]) -> dict[str, Score]:
    """Scores by class, and "overall"."""
    scores = {name: Score() for name in (*CLASSES, "overall")}
    for answer in answers:
        for name in (answer.class_name, "overall"):
            scores[name] = scores[name].plus(answer)
    return scores


def shortfalls(scores: dict[str, Score]) -> list[str]:
    """What misses the targets, as lines to read; classes without scenes miss theirs."""
    lines = []
    for name, score in scores.items():
        target = TARGET_OVERALL if name == "overall" else TARGET_EACH
        if score.right_share < target:
            lines.append(f"{name}: {score.right_share:.1%} right class, target {target:.0%}")
    return lines


def table(scores: dict[str, Score]) -> str:
    """Markdown, one row a class."""
    rows = ["| class | scenes | exact caption | right class |", "| --- | ---: | ---: | ---: |"]
    for name, score in scores.items():
        shares = f"{score.exact_share:.1%} | {score.right_share:.1%}"
        rows.append(f"| {name} | {score.count} | {shares} |")
    return "\n".join(rows)


def ask(captioner: DemoCaptioner, seeds: range) -> list[Answer]:
    """Draws and captions every seed; classes take turns, so each gets its share."""
    answers: list[Answer] = []
    for start in range(0, len(seeds), _BATCH):
        batch = seeds[start : start + _BATCH]
        scenes = [sample(seed, CLASSES[seed % len(CLASSES)]) for seed in batch]
        pictures = [_picture(scene, seed) for scene, seed in zip(scenes, batch, strict=True)]
        for scene, caption in zip(scenes, captioner.caption(pictures), strict=True):
            answers.append(Answer(scene.class_name, scene.captions, caption))
    return answers


def _picture(scene: Scene, seed: int) -> Pixels:
    width_px, height_px = _SIZES_PX[seed % len(_SIZES_PX)]
    return draw(scene, width_px=width_px, height_px=height_px)


def main() -> int:
    """Prints the table; returns the exit status."""
    options = _options()
    if options.seed_base < TRAINING_SEEDS:
        print(
            f"--seed-base {options.seed_base} is a training seed: training drew from 0 to "
            f"{TRAINING_SEEDS - 1}. Choose {TRAINING_SEEDS} or more.",
            file=sys.stderr,
        )
        return 2
    seeds = range(options.seed_base, options.seed_base + options.count)
    answers = ask(DemoCaptioner(options.model), seeds)
    scores = tally(answers)
    print(
        f"seeds {seeds.start} to {seeds.stop - 1}; training drew from 0 to {TRAINING_SEEDS - 1}\n"
    )
    print(table(scores))
    if options.show_wrong:
        for seed, answer in zip(seeds, answers, strict=True):
            if not answer.is_right_class:
                print(f"{seed}: {answer.caption!r}, not {answer.allowed[0]!r}")
    missed = shortfalls(scores)
    print("\nbelow target:\n  " + "\n  ".join(missed) if missed else "\nall targets met")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the demo captioning model.")
    parser.add_argument("--seed-base", type=int, required=True, help=f"{TRAINING_SEEDS} or more")
    parser.add_argument("--count", type=int, default=1200, help="scenes, spread over all classes")
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER, help="model folder")
    parser.add_argument("--show-wrong", action="store_true", help="list captions of a wrong class")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
