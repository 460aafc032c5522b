"""What commands beside the daemon need of its file is found whatever else is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.config import places
from surveil.config.places import configuration, read_places, read_rules
from surveil.errors import ConfigError

BROKEN = """
node: edge-01
state_dir: there
snapshots: {folder: pictures, retention: {max_age: soon}}
http: {listen: "0.0.0.0:9878", token: "${ONLY_THE_SERVICE_HAS_IT}"}
mqtt: {host: broker, password_file: mqtt-password, pasword: x}
captioner: {engine: remote, api_key: "${ANOTHER}"}
cameras:
  - {id: yard, url: "rtsp://${USER}:${PASSWORD}@192.0.2.7/a", interval: never}
  - {id: gate, url: nowhere}
rules:
  - {patterns: [person climbing], cameras: [gate]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(BROKEN, encoding="utf-8")
    return file


def test_mistakes_and_secrets_elsewhere_are_borne(file: Path) -> None:
    found = read_places(file, environ={})
    assert found.state_dir == file.parent / "there"
    assert found.snapshots_dir == file.parent / "pictures"
    assert (found.listen, found.token) == ("0.0.0.0:9878", None)
    assert read_places(file, environ={"ONLY_THE_SERVICE_HAS_IT": "t0k3n"}).token == "t0k3n"


def test_a_token_file_that_may_not_be_read_is_no_token(file: Path) -> None:
    file.write_text("http: {listen: '127.0.0.1:1', token_file: /root/none/token}\n")
    assert read_places(file, environ={}).token is None
    (file.parent / "token").write_text("t0k3n\n")
    file.write_text("http: {token_file: token}\n")
    assert read_places(file, environ={}).token == "t0k3n"


def test_rules_are_read_with_their_cameras_names_alone(file: Path) -> None:
    (rule,) = read_rules(file, environ={}).rules
    assert rule.rule_id == "person-climbing"
    assert rule.cameras == ("gate",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("state_dir: [1]\n", "state_dir"),
        ("http: {listen: everywhere}\n", "http.listen"),
        ("state_dir: ${NOT_SET}\n", "NOT_SET"),
        ("a: [\n", "config.yaml:"),
        ("", "empty"),
    ],
)
def test_what_is_wrong_in_these_keys_is_told(file: Path, text: str, named: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=named):
        read_places(file, environ={})


def test_a_rule_that_is_wrong_is_told_where_rules_are_needed(file: Path) -> None:
    file.write_text("rules: [{patterns: [person climbing], cameras: [roof]}]\n")
    with pytest.raises(ConfigError, match="roof"):
        read_rules(file, environ={})
    assert read_places(file, environ={}).listen == "127.0.0.1:9878"


def test_a_file_that_is_not_named_is_the_one_here_or_the_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, installed = tmp_path / "config.yaml", tmp_path / "etc/config.yaml"
    monkeypatch.setattr(places, "INSTALLED", (here, installed))
    assert configuration(None) == here, "neither is there: the message names the one here"
    installed.parent.mkdir()
    installed.touch()
    assert configuration(None) == installed
    here.touch()
    assert configuration(None) == here
    assert configuration(tmp_path / "mine.yaml") == tmp_path / "mine.yaml"
