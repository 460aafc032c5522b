"""Secrets come from files, beside the config or from systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.config import Config, read_config
from surveil.config.secrets import redacted
from surveil.errors import ConfigError
from tests.config.folder import Folder

FILE = "mqtt: {host: h, username: u, password_file: mqtt-password}\n"


def password(config: Config) -> str:
    assert config.mqtt is not None
    assert config.mqtt.password is not None
    return config.mqtt.password.get_secret_value()


@pytest.mark.parametrize("content", ["hunter2", "hunter2\n", "hunter2\r\n"])
def test_the_file_beside_the_config_holds_the_password(folder: Folder, content: str) -> None:
    (folder.path / "mqtt-password").write_bytes(content.encode())
    assert password(folder.load(FILE)) == "hunter2"


def test_systemd_credentials_are_found_by_name(folder: Folder, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "mqtt-password").write_text("hunter2")
    assert password(folder.load(FILE, CREDENTIALS_DIRECTORY=str(credentials))) == "hunter2"


def test_what_the_running_service_cannot_see_is_an_error(folder: Folder) -> None:
    assert "mqtt.password_file: there is no file mqtt-password" in folder.problem(FILE).replace(
        f"{folder.path}/", ""
    )


def test_what_only_the_service_can_see_is_a_warning_to_others(folder: Folder) -> None:
    (warning,) = read_config(folder.write(FILE), environ={}, unseen_credentials=True).warnings
    assert "LoadCredential" in warning.text


def test_so_is_a_path_below_the_credentials_folder(folder: Folder) -> None:
    text = "mqtt: {host: h, username: u, password_file: '${CREDENTIALS_DIRECTORY}/mqtt-password'}\n"
    reading = read_config(folder.write(text), environ={}, unseen_credentials=True)
    assert [one.loc for one in reading.warnings] == [("mqtt", "password_file")]
    assert "CREDENTIALS_DIRECTORY is not set" in folder.problem(text)


def test_a_path_with_a_folder_in_it_is_no_credential(folder: Folder) -> None:
    file = folder.write(FILE.replace("mqtt-password", "secrets/mqtt"))
    with pytest.raises(ConfigError, match="there is no file"):
        read_config(file, environ={}, unseen_credentials=True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty; write the password into it"),
        (b"two\nlines\n", "holds more than one line"),
        (b"\xff\xfe", "holds more than one line of text"),
        (b"x" * 100_000, "holds more than one line"),
    ],
)
def test_a_file_that_holds_no_secret_is_told(folder: Folder, content: bytes, expected: str) -> None:
    (folder.path / "mqtt-password").write_bytes(content)
    assert expected in folder.problem(FILE)


def test_a_folder_is_no_secret(folder: Folder) -> None:
    (folder.path / "mqtt-password").mkdir()
    assert "is a folder; name the file in it" in folder.problem(FILE)


def test_both_ways_at_once_are_one_too_many(folder: Folder) -> None:
    text = "mqtt: {host: h, username: u, password: x, password_file: y}\n"
    assert "password_file: and password are both given: keep one" in folder.problem(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("http: {token_file: s}", ("http", "token")),
        (
            "mqtt: {host: h, tls: {cert: c, key: k, key_password_file: s}}",
            ("mqtt", "tls", "key_password"),
        ),
        ("notify: [{type: webhook, url: 'https://h/', secret_file: s}]", ("notify", 0, "secret")),
        (
            "cameras: [{id: a, url: rtsp://h, username: u, password_file: s}]",
            ("cameras", 0, "password"),
        ),
        (
            "captioner: {engine: remote, remote: {base_url: http://h, model: m, api_key_file: s}}",
            ("captioner", "remote", "api_key"),
        ),
    ],
)
def test_every_secret_has_its_file(folder: Folder, text: str, key: tuple[str | int, ...]) -> None:
    (folder.path / "s").write_text("hunter2\n")
    here: object = folder.load(text + "\n")
    for part in key:
        here = (
            here[part]
            if isinstance(part, int) and isinstance(here, tuple)
            else getattr(here, str(part))
        )
    assert here.get_secret_value() == "hunter2"  # type: ignore[attr-defined]


def test_no_repr_shows_a_secret(folder: Folder) -> None:
    config = folder.load(
        "cameras: [{id: a, url: 'rtsp://u:hunter2@h', options: {x: hunter2}}]\n"
        "mqtt: {host: h, username: u, password: hunter2}\n"
        "notify: [{type: webhook, url: 'https://h/hunter2', secret: hunter2}]\n"
    )
    assert "hunter2" not in repr(config)
    assert "hunter2" not in str(config)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:p@h/x", "rtsp://***@h/x"),
        ("u:p@h", "***@h"),
        ("rtsp://h/?user=a&password=b", "rtsp://h/?user=***"),
        ("no address", "no address"),
    ],
)
def test_addresses_lose_their_logins(text: str, shown: str) -> None:
    assert redacted(text) == shown
