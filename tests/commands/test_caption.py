"""`surveil caption` on archives: what is found, what is said, what is resumed, what is told."""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from surveil.captioning.image_sources import expand, pictures
from surveil.commands import caption
from surveil.errors import ConfigError
from surveil.records import PictureSize

CLIPS = Path(__file__).parents[2] / "samples" / "clips"


def parsed(*words: str | Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    caption.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two pictures, one in a folder below, a damaged one and a text file."""
    folder = tmp_path / "archive"
    (folder / "below").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "a.png")
    Image.fromarray(noise).save(folder / "below" / "b.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.jsonl"
    path.write_text(
        '{"text": "a man climbs over a fence", "confidence": 0.9}\n{"text": "an empty yard"}\n'
    )
    return path


def told(*words: str | Path, script: Path) -> tuple[int, argparse.Namespace]:
    args = parsed(*words, "--engine", "script", "--model", script)
    return caption.run(args), args


def test_a_folder_is_captioned_and_what_is_unreadable_is_told(
    archive: Path, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = told(archive, "--format", "jsonl", script=script)

    output = capsys.readouterr()
    rows = {Path(row["name"]).name: row for row in map(json.loads, output.out.splitlines())}
    assert set(rows) == {"a.png", "b.jpg", "broken.jpg"}
    assert rows["a.png"]["caption"] == "a man climbs over a fence"
    assert rows["a.png"]["confidence"] == 0.9
    assert "error" in rows["broken.jpg"]
    assert "caption" not in rows["broken.jpg"]
    assert code == 1
    assert "2 captioned, 1 could not be read" in output.err


def test_it_goes_on_where_it_stopped(archive: Path, script: Path, tmp_path: Path) -> None:
    """A second run asks only for what is missing, and for what failed."""
    output = tmp_path / "out.jsonl"
    done = {"name": str(archive / "a.png"), "caption": "said before"}
    failed = {"name": str(archive / "below" / "b.jpg"), "error": "was away"}
    torn = '{"name": "half a li'
    output.write_text(f"{json.dumps(done)}\n{json.dumps(failed)}\n{torn}")

    told(archive, "--output", output, script=script)

    rows = [json.loads(line) for line in output.read_text().splitlines()]
    captions = [(Path(row["name"]).name, row.get("caption")) for row in rows]
    assert captions == [
        ("a.png", "said before"),
        ("b.jpg", "a man climbs over a fence"),
        ("broken.jpg", None),
    ] or captions == [
        ("a.png", "said before"),
        ("broken.jpg", None),
        ("b.jpg", "a man climbs over a fence"),
    ]


def test_json_is_one_array_that_is_gone_on_with(
    archive: Path, script: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.json"
    told(archive / "a.png", "--output", output, script=script)
    told(archive / "a.png", archive / "below" / "b.jpg", "--output", output, script=script)
    rows = json.loads(output.read_text())
    assert [Path(row["name"]).name for row in rows] == ["a.png", "b.jpg"]


def test_a_file_of_someone_else_is_not_overwritten(
    archive: Path, script: Path, tmp_path: Path
) -> None:
    for name, content in (("out.jsonl", '{"other": 1}\n'), ("out.txt", "mine\n")):
        output = tmp_path / name
        output.write_text(content)
        with pytest.raises(ConfigError, match="another file"):
            told(archive, "--output", output, script=script)
        assert output.read_text() == content


def test_patterns_mark_and_are_counted(
    archive: Path, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(
        archive / "a.png",
        archive / "below",
        "--match",
        "person climbing a fence",
        "--format",
        "jsonl",
        script=script,
    )
    output = capsys.readouterr()
    rows = [json.loads(line) for line in output.out.splitlines()]
    assert [row.get("matches") for row in rows] == [["person climbing a fence"], None]
    assert "1 match 'person climbing a fence'" in output.err


def test_rules_of_a_configuration_mark(
    archive: Path, script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "mqtt: {host: localhost}\n"
        "cameras:\n  - {id: door, url: 'rtsp://camera/1'}\n"
        "rules:\n  - {id: climber, patterns: [person climbing a fence], min_confidence: 0.5}\n"
    )
    told(archive / "a.png", "--rules", config, script=script)
    assert "[climber]" in capsys.readouterr().out


def test_videos_give_a_picture_every_so_often(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = CLIPS / "quiet.mp4"
    code, _ = told(clip, "--every", "4s", "--format", "jsonl", script=script)
    names = [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    assert names[:3] == [f"{clip}#t=0", f"{clip}#t=4", f"{clip}#t=8"]
    assert code == 0


@pytest.fixture
def site(archive: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(archive))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_addresses_are_fetched(site: str, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = told(f"{site}/a.png", f"{site}/missing.png", script=script)
    output = capsys.readouterr().out
    assert f"{site}/a.png\ta man climbs over a fence" in output
    assert f"{site}/missing.png\tERROR HTTP 404" in output
    assert code == 1


def test_a_picture_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    """EXIF orientation 6: the top of the scene is the file's left side."""
    pixels = np.zeros((20, 40, 3), dtype=np.uint8)
    pixels[:, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    Image.fromarray(pixels).save(path, exif=exif)
    found = next(iter(pictures([str(path)], size=PictureSize(32), every_s=1)))
    assert found.picture is not None
    assert found.picture[2].mean() > 200 > 50 > found.picture[-2].mean()


def test_globs_and_repeated_names_are_expanded_once(archive: Path) -> None:
    names = expand([str(archive / "**" / "*.jpg"), str(archive / "broken.jpg")])
    assert sorted(Path(name).name for name in names) == ["b.jpg", "broken.jpg"]
    with pytest.raises(ConfigError, match="no file matches"):
        expand([str(archive / "*.gif")])


@pytest.mark.parametrize(
    ("prompt", "category", "expected"),
    [
        (None, None, None),
        ("a picture of", None, "a picture of"),
        ("a {category} with", "shoe", "a shoe with"),
    ],
)
def test_the_prompt_is_filled_in(
    prompt: str | None, category: str | None, expected: str | None
) -> None:
    assert caption._prompt(prompt, category) == expected


def test_half_a_prompt_is_told() -> None:
    with pytest.raises(ConfigError, match="--category WORD"):
        caption._prompt("a {category} with", None)
    with pytest.raises(ConfigError, match=r"no \{category\}"):
        caption._prompt("a picture of", "shoe")


def test_a_failing_engine_is_an_error_of_its_pictures(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Out of memory halves; any other failure is told, and the next batch is tried."""
    drill = tmp_path / "drill.jsonl"
    drill.write_text('{"error": "out_of_memory"}\n{"error": "failed"}\n{"text": "a dog"}\n')
    code, _ = told(
        archive / "a.png", archive / "below" / "b.jpg", "--format", "jsonl", script=drill
    )
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 1
    assert len(rows) == 2
