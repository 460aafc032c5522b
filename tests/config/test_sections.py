"""The other sections: broker, notify, alerts, snapshots, journal, http."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveil.config.notify import Describe, Speech, Webhook
from surveil.records import Severity
from tests.config.folder import Folder


@pytest.mark.parametrize(
    ("mqtt", "expected"),
    [
        (
            "host: 'mqtt://h'",
            "mqtt.host: found 'mqtt://h'; allowed: a host name or address, without scheme",
        ),
        ("{}", "mqtt.host: is missing; needed: a host name or address"),
        ("host: h, password: x", "mqtt.password: has no username beside it"),
        (
            "host: h, topic_prefix: a/#",
            "mqtt.topic_prefix: found 'a/#'; allowed: levels joined by /",
        ),
        ("host: h, topic_prefix: 'a/{nod}'", "mqtt.topic_prefix: knows only {node} in braces"),
        ("host: h, tls: {cert: a}", "mqtt.tls.cert: needs key: beside it"),
        ("host: h, tls: {key: a}", "mqtt.tls.key: needs cert: beside it"),
        ("host: h, tls: {key_password: a}", "mqtt.tls.key_password: opens no key"),
        ("host: h, tls: perhaps", "mqtt.tls: found 'perhaps'; allowed: on, off, or a section"),
        ("host: h, protocol: 3.1", "mqtt.protocol: found the number 3.1; allowed: auto, 5, 3.1.1"),
        ("host: h, keepalive: 60", "a bare number has no unit"),
    ],
)
def test_mistakes_about_the_broker(folder: Folder, mqtt: str, expected: str) -> None:
    text = f"mqtt: {mqtt}\n" if mqtt == "{}" else f"mqtt: {{{mqtt}}}\n"
    assert expected in folder.problem(text)


@pytest.mark.parametrize(
    ("tls", "port"),
    [("", 1883), ("tls: off", 1883), ("tls: on", 8883), ("tls: {}", 8883), ("tls:", 8883)],
)
def test_the_port_follows_tls(folder: Folder, tls: str, port: int) -> None:
    mqtt = folder.load(f"mqtt:\n  host: h\n  {tls}\n").mqtt
    assert mqtt is not None
    assert (mqtt.port_or_default, mqtt.tls is not None) == (port, port == 8883)


def test_protocol_five_needs_no_quotes(folder: Folder) -> None:
    mqtt = folder.load("mqtt: {host: h, protocol: 5}\n").mqtt
    assert mqtt is not None
    assert mqtt.protocol == "5"


def test_the_prefix_holds_the_node(folder: Folder) -> None:
    assert folder.load("node: edge-01\nmqtt: {host: h}\n").topic_prefix == "surveil/edge-01"


def test_notify_has_three_kinds(folder: Folder) -> None:
    webhook, speech, describe = folder.load(
        "notify:\n"
        "  - {type: webhook, url: 'https://h/x', min_severity: critical}\n"
        "  - {type: speech, voice: de}\n"
        "  - {type: describe, every: 10s}\n"
    ).notify
    assert isinstance(webhook, Webhook)
    assert webhook.min_severity is Severity.CRITICAL
    assert isinstance(speech, Speech)
    assert isinstance(describe, Describe)
    assert describe.every_s == 10.0


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("type: webhook", "notify[0].url: is missing; needed: an http:// or https:// address"),
        ("type: webhook, url: 'h/x'", "notify[0].url: found a text (not shown)"),
        ("type: speech, template: '{name}'", "notify[0].template: knows only {rule}, {camera}"),
        (
            "type: speech, rules: [nothing]",
            "notify[0].rules[0]: no rule is called nothing; there are: none",
        ),
        ("type: speech, cameras: [nowhere]", "notify[0].cameras[0]: no camera is called nowhere"),
        (
            "type: describe, every: 1s",
            "notify[0].every: found '1s'; allowed: a duration from 2s to 1d",
        ),
        ("type: describe, template: x", "notify[0].template: there is no such key"),
    ],
)
def test_mistakes_in_notify(folder: Folder, entry: str, expected: str) -> None:
    assert expected in folder.problem(f"notify: [{{{entry}}}]\n")


def test_two_of_a_kind_need_ids(folder: Folder) -> None:
    text = "notify: [{type: speech}, {type: speech}]\n"
    assert "notify[1].id: speech is taken by notify[0]" in folder.problem(text)


@pytest.mark.parametrize("section", ["snapshots", "journal", "canary"])
def test_a_section_can_be_switched_off_in_one_word(folder: Folder, section: str) -> None:
    assert getattr(folder.load(f"{section}: off\n"), section).enabled is False
    assert getattr(folder.load(f"{section}: on\n"), section).enabled is True
    assert getattr(folder.load(f"{section}:\n"), section).enabled is True


def test_ages_go_from_the_particular_to_the_general(folder: Folder) -> None:
    limits = folder.load(
        "cameras: [{id: lobby, url: rtsp://h}]\n"
        "alerts: {retention: {max_age: 30d, by_severity: {critical: 90d}, by_camera: {lobby: 3d}}}\n"
    ).alerts.retention
    day_s = 86_400
    assert limits.age_s(camera_id="yard", severity=Severity.INFO) == 30 * day_s
    assert limits.age_s(camera_id="yard", severity=Severity.CRITICAL) == 90 * day_s
    assert limits.age_s(camera_id="lobby", severity=Severity.CRITICAL) == 3 * day_s


def test_evidence_is_a_clip_or_nothing(folder: Folder) -> None:
    assert folder.load("snapshots: {evidence: off}\n").snapshots.evidence is None
    evidence = folder.load("snapshots: {evidence: {after: 5s}}\n").snapshots.evidence
    assert evidence is not None
    assert (evidence.before_s, evidence.after_s) == (3.0, 5.0)
    assert "write evidence: off" in folder.problem(
        "snapshots: {evidence: {before: 0s, after: 0s}}\n"
    )


def test_the_snapshot_folder_can_be_elsewhere(folder: Folder) -> None:
    assert folder.load("snapshots: {folder: /srv/x}\n").snapshots_dir == Path("/srv/x")


@pytest.mark.parametrize(
    ("listen", "local"),
    [
        ("127.0.0.1:80", True),
        ("'[::1]:80'", True),
        ("localhost:80", True),
        ("unix:/run/s", True),
        ("off", True),
    ],
)
def test_local_listeners_need_no_token(folder: Folder, listen: str, local: bool) -> None:
    assert folder.load(f"http: {{listen: {listen}}}\n").http.local is local


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "'[::]:80'", "192.0.2.1:80"])
def test_others_do(folder: Folder, listen: str) -> None:
    assert "add token:" in folder.problem(f"http: {{listen: {listen}}}\n")
    assert folder.load(f"http: {{listen: {listen}, token: x}}\n").http.local is False


@pytest.mark.parametrize(
    "listen", ["80", "127.0.0.1", "h:80", "127.0.0.1:0", "127.0.0.1:99999", "'unix:'"]
)
def test_what_is_no_address_to_listen_on(folder: Folder, listen: str) -> None:
    assert "http.listen: found" in folder.problem(f"http: {{listen: {listen}}}\n")


def test_pictures_are_served_only_with_a_token(folder: Folder) -> None:
    assert "http.snapshots: needs token:" in folder.problem("http: {snapshots: on}\n")
