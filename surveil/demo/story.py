"""Which clips the demo plays as cameras, and which alerts they contain."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from surveil.errors import ConfigError

CAMERAS = {"entrance": "entrance.mp4", "square": "square.mp4", "yard": "quiet.mp4"}
"""Camera id -> clip. The yard is the one where nothing happens."""
SHORTEST_EVENT_S = 3.0
"""An event must have been on screen this long before the demo's end for its alert to be expected."""


@dataclass(frozen=True, slots=True)
class Event:
    """One abnormal stretch of a clip, seconds from the clip's start."""

    rule_id: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """A clip played in a loop as if it were live."""

    camera_id: str
    clip: Path
    events: tuple[Event, ...]

    def expected(self, seconds: float) -> set[str]:
        """Rules whose event has been on screen long enough within the first `seconds`."""
        return {
            event.rule_id
            for event in self.events
            if min(event.to_s, event.from_s + SHORTEST_EVENT_S) <= seconds
        }


def samples_folder() -> Path:
    """Where clips and demo model are: inside an installed package, or beside it in a clone."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_samples", package.parent / "samples"):
        if (folder / "clips" / "clips.json").is_file():
            return folder
    raise ConfigError(
        f"the demo's clips are missing: neither {package / '_samples'} nor {package.parent / 'samples'} "
        "has clips/clips.json; clone the project whole, or name the folder with --samples"
    )


def demo_cameras(samples: Path, clips: dict[str, str] | None = None) -> list[DemoCamera]:
    """The demo's cameras; `clips` plays other clips under their names. Raises ConfigError for a missing clip."""
    manifest = _manifest(samples / "clips" / "clips.json")
    chosen = CAMERAS | (clips or {})
    return [
        _camera(camera_id, samples / "clips" / clip, manifest=manifest)
        for camera_id, clip in chosen.items()
    ]


def _manifest(path: Path) -> dict[str, list[Event]]:
    """Clip file name -> its events."""
    try:
        clips = json.loads(path.read_text(encoding="utf-8"))["clips"]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; the demo needs its manifest") from error
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{path}: not a manifest of clips ({error})") from error
    return {name: _events(clip["timeline"]) for name, clip in clips.items()}


def _events(timeline: list[dict[str, object]]) -> list[Event]:
    return [
        Event(str(rule_id), float(str(segment["from_s"])), float(str(segment["to_s"])))
        for segment in timeline
        for rule_id in list(segment["rules"])  # type: ignore[call-overload] # a list, by the manifest's making
    ]


def _camera(camera_id: str, clip: Path, *, manifest: dict[str, list[Event]]) -> DemoCamera:
    if not clip.is_file():
        raise ConfigError(f"camera {camera_id}: there is no clip {clip}")
    if clip.name not in manifest:
        raise ConfigError(f"camera {camera_id}: {clip.name} is not in the manifest clips.json")
    return DemoCamera(camera_id, clip, tuple(manifest[clip.name]))
