"""Renders the sample clips and their manifest.

    python samples/make_clips.py --output samples/clips

H.264 as cameras send it: 4:2:0, limited range, one keyframe a second and no scene-cut keyframes.
The manifest, `clips.json`, says for each clip what is to be seen when.
"""

import argparse
import json
import sys
from fractions import Fraction
from pathlib import Path

import av

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from samples.render.scene import draw
from samples.stories import STORIES, Story

WIDTH_PX, HEIGHT_PX = 640, 360
FPS = 15
_CRF = 27  # sensor noise is what costs bits here; at 27 all clips together stay under 4 MB


def render_clip(story: Story, path: Path) -> None:
    """Writes one clip as MP4. The same encoder version and story give the same file."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        # One thread: libx264's rate control depends on the number of threads, the file should not.
        stream = container.add_stream(
            "libx264",
            rate=FPS,
            options={"crf": str(_CRF), "preset": "slow", "sc_threshold": "0", "threads": "1"},
        )
        stream.width, stream.height = WIDTH_PX, HEIGHT_PX
        stream.pix_fmt = "yuv420p"
        stream.gop_size = FPS
        stream.time_base = Fraction(1, FPS)
        for index in range(round(story.duration_s * FPS)):
            scene = story.scene_at(index / FPS, index)
            pixels = draw(scene, width_px=WIDTH_PX, height_px=HEIGHT_PX)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def manifest_entry(story: Story) -> dict[str, object]:
    """What `clips.json` says about one clip."""
    return {
        "fps": FPS,
        "width_px": WIDTH_PX,
        "height_px": HEIGHT_PX,
        "duration_s": story.duration_s,
        "timeline": [
            {
                "from_s": segment.from_s,
                "to_s": segment.to_s,
                "class": segment.class_name,
                "rules": list(segment.rules),
            }
            for segment in story.segments
        ],
    }


def main() -> None:
    """Writes all clips, or the named ones, and the manifest."""
    parser = argparse.ArgumentParser(description="Render the sample clips.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "clips")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="names of clips to render")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for story in STORIES:
        if not options.only or story.name in options.only:
            path = options.output / f"{story.name}.mp4"
            render_clip(story, path)
            print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")
    manifest = {f"{story.name}.mp4": manifest_entry(story) for story in STORIES}
    text = json.dumps({"clips": manifest}, indent=2) + "\n"
    (options.output / "clips.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
