"""No secret survives, whatever shape it comes in; what is no secret stays readable."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from surveil.records import Severity
from surveil.redact import (
    MASK,
    redact,
    register_secret,
    register_secrets_of,
)
from tests.support.secrets import forget_secrets


@pytest.fixture(autouse=True)
def _no_secrets_left() -> Iterator[None]:
    yield
    forget_secrets()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://admin:hunter2@10.0.0.7:554/a", "rtsp://***@10.0.0.7:554/a"),
        ("rtsp://admin:p@ss/w@10.0.0.7/a", "rtsp://***@10.0.0.7/a"),
        ("RTSPS://admin:hunter2@[fe80::1]/a", "RTSPS://***@[fe80::1]/a"),
        ("rtsp://admin@10.0.0.7/a", "rtsp://***@10.0.0.7/a"),
        ("mqtt://u:p@broker,mqtt://u:p@other", "mqtt://***@broker,mqtt://***@other"),
        ("//admin:hunter2@10.0.0.7/a", "//***@10.0.0.7/a"),
        ("admin:hunter2@10.0.0.7", "***@10.0.0.7"),
        ("u=rtsp%3A%2F%2Fadmin%3Ahunter2%40cam", "u=rtsp%3A%2F%2F***%40cam"),
        ("http://cam/v?user=a&password=hunter2&c=1", "http://cam/v?user=a&password=***&c=1"),
        ("http://cam/v?apiKey=hunter2", "http://cam/v?apiKey=***"),
        ("http://cam/user=a&pwd=hunter2&channel=1", "http://cam/user=a&pwd=***&channel=1"),
        ("access_token='hun ter2' x", "access_token=*** x"),
        ('{"password": "hunter2", "a": 1}', '{"password": ***, "a": 1}'),
        ("Authorization: Bearer hunter22", "Authorization: *** ***"),
        ("curl -H 'x' Basic aHVudGVyMg==", "curl -H 'x' Basic ***"),
    ],
)
def test_shapes_that_hold_secrets_are_masked(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert "hunter" not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "camera yard: no frame for 5.0 s from rtsp://10.0.0.7:554/stream1",
        "12:30:45 mail to security@example.org",
        "size=1920x1080 fps=25",
        "https://user.example/path?page=2#top",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@given(
    user=st.text(
        st.characters(exclude_categories=("Z", "C"), exclude_characters="\"'<>"), max_size=9
    ),
    password=st.text(
        st.characters(exclude_categories=("Z", "C"), exclude_characters="\"'<>"), min_size=1
    ),
    scheme=st.sampled_from(["rtsp", "rtsps", "http", "https", "mqtt", "mqtts", "still+http"]),
)
def test_user_info_of_any_address_is_gone(user: str, password: str, scheme: str) -> None:
    """Given any user and password without spaces or quotes, then nothing before the last @ is left."""
    assert redact(f"open {scheme}://{user}:{password}@cam.example/x failed").endswith(
        f"{MASK}@cam.example/x failed"
    )


@given(secret=st.text(min_size=4))
def test_a_registered_secret_is_gone_in_every_spelling(secret: str) -> None:
    """As typed, inside an address, inside JSON, and as Python prints it."""
    assume(secret.strip("*"))
    register_secret(secret)
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert redact(form) == MASK
    forget_secrets()


class Revealed:
    """Stands in for pydantic's SecretStr."""

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value


class Section:
    """Stands in for a part of the configuration."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


def test_every_secret_of_a_configuration_is_registered_however_deep() -> None:
    config = Section(
        mqtt=Section(password=Revealed("mqtt-secret"), host="broker"),
        cameras=(
            Section(url=Revealed("rtsp://viewer:cam%40secret@10.0.0.7/a"), folder=Path("/x")),
            Section(headers={"X-Key": Revealed("header-secret")}, password=None),
        ),
    )
    register_secrets_of(config)
    said = "mqtt-secret cam%40secret cam@secret header-secret broker viewer 10.0.0.7"
    assert redact(said) == "*** *** *** *** broker viewer 10.0.0.7"


def test_the_token_in_a_webhooks_path_is_a_secret() -> None:
    register_secrets_of([Revealed("https://hooks.example/services/T01/xoxb17aBcDeFgHiJkL9?v=1")])
    said = "POST https://hooks.example/services/T01/xoxb17aBcDeFgHiJkL9?v=1: 404"
    assert redact(said) == "POST https://hooks.example/services/T01/***?v=1: 404"


def test_an_address_without_a_password_stays_readable() -> None:
    register_secrets_of([Revealed("rtsp://10.0.0.7/stream"), Revealed("rtsp://viewer@10.0.0.7/a")])
    assert redact("rtsp://10.0.0.7/stream failed") == "rtsp://10.0.0.7/stream failed"


def test_a_short_secret_is_hidden_where_it_stands_alone_and_nowhere_else() -> None:
    register_secret("a1")
    assert redact("tried a1, then ba1b") == "tried ***, then ba1b"


def test_an_empty_secret_hides_nothing() -> None:
    register_secret("")
    assert redact("as it was") == "as it was"


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["a:", "x://", "a", "password=", "@", "a:b@", "'", "%3a%2f%2f"])
def test_time_is_linear_in_the_text(piece: str) -> None:
    """A megabyte of the worst pieces is done in far less than the limit; quadratic matching would take hours."""
    assert len(redact(piece * (1_000_000 // len(piece)))) > 0


def test_a_configuration_with_enumerations_inside_is_walked_to_its_end() -> None:
    """An enumeration refers to its own class, which refers to its members: a walk into it would never end."""

    class Section(BaseModel):
        severity: Severity
        password: SecretStr

    class Whole(BaseModel):
        parts: tuple[Section, ...]

    part = Section(severity=Severity.CRITICAL, password=SecretStr("tulip-bulb-7"))
    register_secrets_of(Whole(parts=(part,)))
    assert "tulip-bulb-7" not in redact("logging in with tulip-bulb-7 now")
