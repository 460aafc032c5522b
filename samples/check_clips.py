"""Captions the clips two frames a second and compares with their manifest.

    python samples/check_clips.py

Frames are decoded from the H.264 file and scaled to the model's square by the decoder's own scaler,
as at run time. Frames within 0.7 s of a change are not judged: someone is half in the picture then.
Exits 1 when under nine in ten are right, or when a caption of the quiet clip speaks of an alarm.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from samples.architecture import IMAGE_PX
from samples.captioner import MODEL_FOLDER, DemoCaptioner
from samples.render.canvas import Pixels
from samples.render.wording import RULES, judge

CLIPS_FOLDER = Path(__file__).parent / "clips"
QUIET_CLIP = "quiet.mp4"
TARGET = 0.90
MARGIN_S = 0.7
_EVERY_S = 0.5
_BATCH = 24


@dataclass(frozen=True, slots=True)
class Sample:
    """One judged frame."""

    clip: str
    at_s: float
    expected: str
    caption: str

    @property
    def said(self) -> str:
        """The class the caption speaks of."""
        return judge(self.caption)

    @property
    def is_right(self) -> bool:
        """Speaks of what the manifest says is to be seen."""
        return self.said == self.expected

    @property
    def is_false_alarm(self) -> bool:
        """Speaks of an alarm, or of two, where there is none."""
        return self.expected not in RULES and (self.said in RULES or self.said == "unclear")


def frames(path: Path, *, every_s: float = _EVERY_S) -> Iterator[tuple[float, Pixels]]:
    """Times and RGB pictures (IMAGE_PX, IMAGE_PX, 3) from a clip."""
    due_s = 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= due_s:
                due_s += every_s
                small = frame.reformat(
                    IMAGE_PX, IMAGE_PX, "rgb24", interpolation=Interpolation.BICUBIC
                )
                yield frame.time, np.asarray(small.to_ndarray(), np.uint8)


def class_at(timeline: list[dict[str, object]], at_s: float) -> str | None:
    """The class that is right at a time; None near a change, the loop's own included."""
    for segment in timeline:
        from_s, to_s = float(str(segment["from_s"])), float(str(segment["to_s"]))
        if from_s <= at_s < to_s:
            inside = from_s + MARGIN_S <= at_s <= to_s - MARGIN_S
            return str(segment["class"]) if inside else None
    return None


def look_at(captioner: DemoCaptioner, clips_folder: Path) -> list[Sample]:
    """Captions every judged frame of every clip in the manifest."""
    clips = json.loads((clips_folder / "clips.json").read_text(encoding="utf-8"))["clips"]
    looks: list[Sample] = []
    for name, clip in clips.items():
        judged = [
            (at_s, expected, picture)
            for at_s, picture in frames(clips_folder / name)
            if (expected := class_at(clip["timeline"], at_s)) is not None
        ]
        for start in range(0, len(judged), _BATCH):
            part = judged[start : start + _BATCH]
            captions = captioner.caption([picture for _, _, picture in part])
            for (at_s, expected, _), caption in zip(part, captions, strict=True):
                looks.append(Sample(name, at_s, expected, caption))
    return looks


def main() -> int:
    """Prints a row for each clip and what is wrong; returns the exit status."""
    parser = argparse.ArgumentParser(description="Check the demo model on the sample clips.")
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--clips", type=Path, default=CLIPS_FOLDER)
    parser.add_argument("--verbose", action="store_true", help="print every caption")
    options = parser.parse_args()
    looks = look_at(DemoCaptioner(options.model), options.clips)
    for look in looks:
        if options.verbose or not look.is_right:
            mark = " " if look.is_right else "!"
            print(f"{mark} {look.clip} {look.at_s:5.2f} s {look.expected}: {look.caption}")
    for name in dict.fromkeys(look.clip for look in looks):
        mine = [look for look in looks if look.clip == name]
        right = sum(look.is_right for look in mine)
        alarms = sum(look.is_false_alarm for look in mine)
        print(f"{name}: {right} of {len(mine)} right, {alarms} false alarms")
    right = sum(look.is_right for look in looks)
    quiet_alarms = sum(look.is_false_alarm for look in looks if look.clip == QUIET_CLIP)
    print(f"all: {right} of {len(looks)} right ({right / len(looks):.1%})")
    return 0 if right >= TARGET * len(looks) and not quiet_alarms else 1


if __name__ == "__main__":
    sys.exit(main())
