"""Warnings about what is allowed, and probably not meant."""

from __future__ import annotations

import pytest

from surveil.config import advice
from tests.config.folder import MINIMAL, Folder

CAMERA = "cameras: [{id: a, url: rtsp://h/1}, {id: b, url: rtsp://h/2, enabled: off}]\n"
MQTT = "mqtt: {host: h}\n"
RULE = "rules: [{patterns: fire}]\n"


def test_an_ordinary_configuration_gets_none(folder: Folder) -> None:
    assert list(advice(folder.load(MINIMAL))) == []


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        (RULE + MQTT, "cameras", "no camera is enabled"),
        (CAMERA + MQTT, "rules", "no rule is enabled"),
        (CAMERA + RULE, "", "neither mqtt: nor notify: is there"),
        (CAMERA + MQTT + "rules: [{patterns: fire, cameras: b}]\n", "rules.0.cameras", "it never alerts"),
        (
            CAMERA + MQTT + "rules: [{patterns: fire, min_confidence: 0.5}]\n"
            "captioner: {engine: remote, remote: {base_url: http://h, model: m}}\n",
            "rules.0.min_confidence",
            "the remote engine gives no confidence, so it alerts never",
        ),
        (
            CAMERA + MQTT + RULE + "captioner: {engine: remote, remote: {base_url: http://h, model: m, timeout: 2m}}\n",
            "captioner",
            "3 attempts of 120 s do not fit into the 60 s",
        ),
        (
            CAMERA + MQTT + "rules: [{patterns: fire, cooldown: 1s}]\n",
            "rules.0.cooldown",
            "1s is shorter than the interval of a, 5s: every match becomes an alert",
        ),
        (CAMERA + MQTT + "rules: [{patterns: fire, for: 1s}]\n", "rules.0.for", "a single look confirms it"),
        (CAMERA + RULE + "mqtt: {host: h, tls: {verify: off}}\n", "mqtt.tls.verify", "can read and forge"),
        (
            CAMERA + RULE + MQTT + "snapshots: {enabled: off, evidence: {}}\n",
            "snapshots.evidence",
            "has no effect while snapshots are off",
        ),
        (
            "cameras: [{id: a, url: rtsp://h, mask: [[[0, 0], [1, 0], [1, 1]]]}]\n"
            + RULE + MQTT + "snapshots: {evidence: {}}\n",
            "cameras.0.mask",
            "gets no evidence clips",
        ),
        (
            "cameras: [{id: a, url: rtsp://h}, {id: b, url: rtsp://h}]\n" + RULE + MQTT,
            "cameras.1.url",
            "b has the same address as a",
        ),
        (
            "cameras: [{id: a, url: rtsp://h, read_timeout: 1m}]\n" + RULE + MQTT,
            "cameras.0.read_timeout",
            "1m is longer than stall_timeout, 10s, which is used instead",
        ),
        (
            "cameras: [{id: a, url: still+http://h/now.jpg, poll: 2m, stall_timeout: 20s}]\n" + RULE + MQTT,
            "cameras.0.stall_timeout",
            "20s is shorter than the time between two pictures, 2m, which is used instead",
        ),
    ],
)  # fmt: skip
def test_what_looks_odd_is_told(folder: Folder, text: str, where: str, expected: str) -> None:
    ((loc, sentence),) = advice(folder.load(text))
    assert ".".join(map(str, loc)) == where
    assert expected in sentence
