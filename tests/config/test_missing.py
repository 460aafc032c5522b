"""Files that are named and not there."""

from __future__ import annotations

import pytest

from surveil.config import missing_files, models_to_fetch
from tests.config.folder import Folder


def told(folder: Folder, text: str) -> list[str]:
    return [
        f"{'.'.join(map(str, loc))}: {sentence}".replace(f"{folder.path}/", "")
        for loc, sentence in missing_files(folder.load(text))
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "cameras: [{id: a, url: yrad.mp4}]\n",
            "cameras.0.url: there is no file yrad.mp4; did you mean yard.mp4?",
        ),
        (
            "captioner: {engine: script, script: a.jsonl}\n",
            "captioner.script: there is no file a.jsonl",
        ),
        ("captioner: {model: ./blip}\n", "captioner.model: there is no folder blip"),
        (
            "captioner: {model: ./yard.mp4}\n",
            "captioner.model: yard.mp4 is a file; a folder is needed",
        ),
        ("mqtt: {host: h, tls: {ca: ca.pem}}\n", "mqtt.tls.ca: there is no file ca.pem"),
        ("canary: {picture: a.jpg}\n", "canary.picture: there is no file a.jpg"),
        (
            "captioner: {fallback: {model: ./small}}\n",
            "captioner.fallback.model: there is no folder small",
        ),
    ],
)
def test_what_is_not_there_is_told(folder: Folder, text: str, expected: str) -> None:
    (folder.path / "yard.mp4").touch()
    assert told(folder, text) == [expected]


def test_a_camera_that_is_not_enabled_may_lack_its_file(folder: Folder) -> None:
    assert told(folder, "cameras: [{id: a, url: none.mp4, enabled: off}]\n") == []


def test_what_is_there_is_not_told(folder: Folder) -> None:
    (folder.path / "yard.mp4").touch()
    (folder.path / "blip").mkdir()
    assert told(folder, "cameras: [{id: a, url: yard.mp4}]\ncaptioner: {model: ./blip}\n") == []


def test_a_folder_that_is_not_there_is_named(folder: Folder) -> None:
    (line,) = told(folder, "cameras: [{id: a, url: clips/yard.mp4}]\n")
    assert "(nor a folder clips)" in line


def test_a_hub_model_must_be_fetched_or_allowed(folder: Folder) -> None:
    config = folder.load("captioner: {model: org/blip}\n")
    environ = {"HF_HOME": str(folder.path / "hf")}
    ((loc, sentence),) = models_to_fetch(config, environ)
    assert loc == ("captioner", "model")
    assert "surveil model fetch org/blip" in sentence
    (folder.path / "hf/hub/models--org--blip").mkdir(parents=True)
    assert list(models_to_fetch(config, environ)) == []
    allowed = folder.load("captioner: {model: org/other, allow_download: on}\n")
    assert list(models_to_fetch(allowed, environ)) == []
