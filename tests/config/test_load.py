"""A wrong file is told in full, with lines and remedies, and without its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surveil.config import Config, load_config, read_config
from surveil.config.reference import leaves
from surveil.errors import ConfigError
from tests.config.folder import MINIMAL, Folder
from tests.support.fuzz import THOUSANDS

IN_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_eight_lines_are_enough(folder: Folder) -> None:
    config = folder.load(MINIMAL)
    assert config.mqtt is not None
    assert config.mqtt.port_or_default == 1883
    assert [rule.rule_id for rule in config.rules] == ["person-climbing"]
    assert [rule.slug for rule in config.rules] == ["person_climbing"]
    assert config.topic_prefix == f"surveil/{config.node}"
    assert config.snapshots_dir == folder.path / "state/snapshots"


def test_every_mistake_is_told_at_once_in_the_order_of_the_file(folder: Folder) -> None:
    found = folder.problems(
        """\
node: Edge 01
sampling:
  interval: 5
cameras:
  - id: yard
    ulr: rtsp://192.0.2.1/
    decode: keyframe
  - id: yard
    url: rtsp://192.0.2.2/
    interval: 10m
    max_interval: 5m
rules:
  - patterns: [fire]
    cameras: [yrad]
mqtt:
  host: h
  prot: 1883
notify:
  - type: webhok
    url: https://desk.example/
"""
    )
    assert found == [
        "config.yaml:1: node: found 'Edge 01'; allowed: 1 to 63 of a-z, 0-9 and -; did you mean edge-01?",
        "config.yaml:3: sampling.interval: found the number 5; a bare number has no unit: "
        "write 5s for seconds, 5m for minutes; allowed: a duration from 100ms to 1d, such as 5s",
        "config.yaml:6: cameras[0].ulr: there is no such key; did you mean url?",
        "config.yaml:7: cameras[0].decode: found 'keyframe'; allowed: auto, keyframes, all; "
        "did you mean keyframes?",
        "config.yaml:8: cameras[1].id: yard is taken by cameras[0]: give this one another id:",
        "config.yaml:10: cameras[1].interval: is longer than max_interval, the longest time without "
        "a caption; shorten it or raise max_interval",
        "config.yaml:14: rules[0].cameras[0]: no camera is called yrad; there are: yard, yard; "
        "did you mean yard?",
        "config.yaml:17: mqtt.prot: there is no such key; did you mean port?",
        "config.yaml:19: notify[0].type: found 'webhok'; allowed: webhook, speech, describe; "
        "did you mean webhook?",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cameras:\n  - id: a\n", "config.yaml:2: cameras[0].url: is missing; needed: rtsp://"),
        ("host: x\n", "config.yaml:1: host: there is no such key here; it belongs under mqtt:"),
        (
            "mqtt: {broker: x}\n",
            "config.yaml:1: mqtt.broker: there is no such key; did you mean host?",
        ),
        (
            "mqtt: 5\n",
            "config.yaml:1: mqtt: found the number 5; allowed: a section with the keys host",
        ),
        ("watch: maybe\n", "config.yaml:1: watch: found 'maybe'; allowed: true or false"),
        ("mqtt: {host: h, port: 0}\n", "allowed: a whole number from 1 to 65535"),
        ("mqtt: {host: h, port: true}\n", "found true; allowed: a whole number"),
        ("snapshots: maybe\n", "config.yaml:1: snapshots: found 'maybe'"),
        (
            "snapshots: {quality: 5}\n",
            "snapshots.quality: found the number 5; allowed: a whole number from 20",
        ),
        ("alerts: {retention: {by_severity: {critcal: 9d}}}\n", "did you mean critical?"),
        (
            "alerts: {retention: {by_camera: {yard: 9d}}}\n",
            "no camera is called yard; there are: none",
        ),
        ("snapshots: {retention: {max_bytes: 10}}\n", "a bare number has no unit: write 10MiB"),
        ("http: {listen: '0.0.0.0:80'}\n", "can be reached from other machines: add token:"),
        ("http: {listen: here}\n", "allowed: an address and port such as 127.0.0.1:9878"),
        ("state_dir: ''\n", "config.yaml:1: state_dir: found an empty text; a path can't be empty"),
        ("node: 12\n", "config.yaml:1: node: found the number 12; allowed: 1 to 63 of a-z"),
        ("x: 1\n", "config.yaml:1: x: there is no such key; allowed: node, timezone"),
        ("notify: [{url: 'https://x'}]\n", "notify[0].type: is missing; allowed: webhook, speech"),
        ("timezone: Mars/Base\n", "no such time zone is known here"),
        ("captioner: {device: tpu}\n", "captioner.device: found 'tpu'; allowed: auto, cpu"),
    ],
)
def test_one_mistake_is_one_line_that_says_what_to_do(
    folder: Folder, text: str, expected: str
) -> None:
    assert expected in folder.problem(text)


def test_a_wrong_camera_id_does_not_make_the_rules_that_name_it_wrong(folder: Folder) -> None:
    text = "cameras: [{id: Yard, url: rtsp://h/}]\nrules: [{patterns: fire, cameras: [Yard]}]\n"
    assert [line.split(": ")[1] for line in folder.problems(text)] == [
        "cameras[0].id",
        "rules[0].cameras[0]",
    ]
    assert "no camera is called" not in "".join(folder.problems(text))


def test_a_misspelt_cameras_section_is_the_only_thing_told(folder: Folder) -> None:
    text = "camera: [{id: yard, url: rtsp://h/}]\nrules: [{patterns: fire, cameras: [yard]}]\n"
    assert folder.problem(text).endswith("did you mean cameras?")


def test_a_rule_with_nothing_to_look_for_hides_no_other_mistake(folder: Folder) -> None:
    text = "rules:\n  - severity: info\n  - {patterns: fire, cameras: [nowhere]}\n"
    first, second = folder.problems(text)
    assert "nothing to look for" in first
    assert "no camera is called nowhere" in second


def test_a_misspelt_patterns_key_is_the_only_thing_told(folder: Folder) -> None:
    assert folder.problem("rules: [{pattern: fire}]\n").endswith("did you mean patterns?")


def test_one_window_in_place_of_a_list_has_its_keys_told(folder: Folder) -> None:
    text = "rules: [{patterns: fire, schedule: {until: 22:00}}]\n"
    assert folder.problem(text).endswith("allowed: days, from, to, timezone")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "config.yaml: the file is empty"),
        (b"# nothing\n", "config.yaml: the file is empty"),
        (b"hello\n", "config.yaml:1: the file holds no sections"),
        (b"- a\n", "config.yaml:1: the file holds no sections"),
        (b"node: x\nname: \xff\n", "config.yaml:2: is not UTF-8 (byte 0xff); save it as UTF-8"),
        ("node: x".encode("utf-16"), "config.yaml: is UTF-16; save it as UTF-8"),
        (b"#" * 600_000, "config.yaml: is larger than 512 KiB"),
    ],
)
def test_what_is_no_configuration_at_all_has_its_remedy(
    folder: Folder, data: bytes, expected: str
) -> None:
    assert expected in folder.problem(data)


def test_a_byte_order_mark_is_no_mistake(folder: Folder) -> None:
    assert folder.load(b"\xef\xbb\xbf" + MINIMAL.encode()).cameras[0].id == "entrance"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("none.yaml", "no such file"), (".", "is a folder"), ("a\0b", "can't be read")],
)
def test_what_cannot_be_opened_is_named(tmp_path: Path, name: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_config(tmp_path / name, environ={})


def test_a_file_that_may_not_be_read_is_named(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the refusal is played."""

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match="may not be read"):
        load_config(folder.file, environ={})


def test_the_state_folder_is_systemds_where_there_is_one(folder: Folder) -> None:
    config = folder.load(MINIMAL, STATE_DIRECTORY="/var/lib/surveil:/var/lib/other")
    assert config.state_dir == Path("/var/lib/surveil")
    assert folder.load(MINIMAL).state_dir == folder.path / "state"


def test_relative_paths_start_at_the_folder_of_the_config(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    (folder.path / "blip").mkdir()
    config = folder.load(
        "cameras: [{id: a, url: clips/../yard.mp4}]\ncaptioner: {model: blip, engine: torch}\n"
    )
    assert config.cameras[0].source.get_secret_value() == str(folder.path / "yard.mp4")
    assert config.captioner.model == str(folder.path / "blip")
    assert folder.load("captioner: {model: some/name}\n").captioner.model == "some/name"


def test_an_empty_section_is_its_defaults(folder: Folder) -> None:
    assert folder.load("sampling:\nnode: x\n").sampling.interval_s == 5.0


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_plain_passwords_that_everybody_may_read_are_a_warning(folder: Folder, mode: int) -> None:
    file = folder.write("mqtt: {host: h, username: u, password: hunter2}\n")
    file.chmod(mode)
    warnings = read_config(file, environ={}).warnings
    assert [str(one).partition(" in a file")[0] for one in warnings] == (
        ["mqtt.password: stands in plain text"] if mode == 0o644 else []
    )


def test_passwords_from_the_environment_are_not_plain(folder: Folder) -> None:
    file = folder.write("mqtt: {host: h, username: u, password: '${P}'}\n")
    file.chmod(0o644)
    assert read_config(file, environ={"P": "hunter2"}).warnings == ()


SECRET = "hunter2x9Q"
LEAKS = [
    "cameras: [{id: a, url: 'rtsp://u:SECRET@h:port/x'}]",
    "cameras: [{id: a, url: 'rtsp:/u:SECRET@h/x'}]",
    "cameras: [{id: a, url: 'rtsp//u:SECRET@h/x'}]",
    "cameras: [{id: a, url: 'rtsp://u:a/SECRET@h/x'}]",
    "cameras: [{id: a, url: 'SECRET://h/x'}]",
    "cameras: [{id: a, url: [rtsp://u:SECRET@h]}]",
    "cameras: [{id: a, url: rtsp://h, password: [SECRET]}]",
    "cameras: [{id: a, url: rtsp://h, password: {SECRET: 1}}]",
    "cameras: [{id: a, url: rtsp://h, password: SECRET}]",
    "cameras: [{id: a, url: rtsp://h, name: [], options: {auth: [SECRET]}}]",
    "cameras: [{id: a, url: rtsp://h, pasword: SECRET}]",
    "cameras: [{id: 'rtsp://u:SECRET@h', url: rtsp://h}]",
    "cameras: [{id: a, url: rtsp://h, decode: 'rtsp://u:SECRET@h'}]",
    "cameras: [{id: a, url: rtsp://h, decode: 'u:SECRET@h'}]",
    "cameras: [{id: a, url: rtsp://h, decode: 'x?password=SECRET'}]",
    "mqtt: {host: 'mqtt://u:SECRET@h'}",
    "mqtt: {host: h, port: '${ENV_SECRET}'}",
    "mqtt: {host: '${ENV_SECRET} x'}",
    "mqtt: {host: h, password: *SECRET}",
    "mqtt: {host: h, password: !SECRET x}",
    "mqtt: {host: h, password: &SECRET x, port: 0}",
    "mqtt: {host: h, password: 'SECRET}",
    "mqtt: {host: h, password: @SECRET}",
    "notify: [{type: webhook, url: 'ftp://h/SECRET'}]",
    "notify: [{type: webhook, url: 'https://h/', secret: 'SECRET', timeout: 1}]",
    "captioner: {engine: remote, remote: {base_url: 'http://u:SECRET@h', model: m, api_key: [SECRET]}}",
    "http: {listen: off, token: {a: SECRET}, snapshots: 7}",
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_error_shows_a_secret(folder: Folder, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        folder.load(text.replace("ENV_SECRET", "ENV").replace("SECRET", SECRET), ENV=SECRET)
    assert SECRET not in str(raised.value)


@IN_ONE_FOLDER
@given(
    before=st.text(alphabet="ab:/@?#&=%[] ", max_size=12),
    after=st.text(alphabet="ab:/@?#&=%[] ", max_size=12),
    key=st.sampled_from(["url", "snapshot_url", "password", "username_", "token"]),
)
def test_no_error_shows_a_password_wherever_it_stands_in_an_address(
    folder: Folder, before: str, after: str, key: str
) -> None:
    """The secret is followed by @ or given under a secret's name; the error is made certain by `decode`."""
    value = f"{before}{SECRET}{after}@h" if key.endswith("url") else SECRET
    text = f"cameras:\n  - id: a\n    decode: 0\n    {key}: '{value}'\n"
    with pytest.raises(ConfigError) as raised:
        folder.load(text)
    assert SECRET not in str(raised.value)


@THOUSANDS
@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_but_a_config_error(folder: Folder, data: bytes) -> None:
    assert_told(folder, data)


NAMES = sorted({path.rpartition(".")[2] for path, _ in leaves()})
SIGNS = list("-:,{}[]'\"&*!(#%@|>5\n")
PARTS = ["<<", "5s", "off", "null", "yard", "webhook", "${A}", "${", "\n  ", "\n  - ", "\n    "]
WORDS = st.sampled_from(NAMES) | st.sampled_from(SIGNS) | st.sampled_from(PARTS)


@THOUSANDS
@given(st.lists(WORDS, max_size=40))
def test_any_words_raise_nothing_but_a_config_error(folder: Folder, words: list[str]) -> None:
    assert_told(folder, " ".join(words).encode())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(list(Config.model_fields))


@settings(THOUSANDS, max_examples=1000)  # 4 ms each
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_values_in_the_right_places_raise_nothing_but_a_config_error(
    folder: Folder, values: dict[str, object]
) -> None:
    assert_told(folder, yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "replace"))


def assert_told(folder: Folder, data: bytes) -> None:
    """Either a configuration, or lines that each begin with the file's name."""
    folder.write(data)
    try:
        config = load_config(folder.file, environ={"A": "x"})
    except ConfigError as error:
        lines = str(error).splitlines()
        assert lines
        assert all(line.startswith(str(folder.file)) for line in lines), lines
    else:
        assert config.node
