"""Payloads: the schema, and the sizes that small clients rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from surveil.delivery import payloads
from surveil.records import Alert, CameraState, Outgoing
from tests.fakes import FakeClock
from tests.support.alerts import any_alert, make_draft

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/alert.schema.json").read_text())
STORE = "6f1c2f64-9c1e-4a8e-9d3b-3f1f8d1f2a77"


@settings(max_examples=60, deadline=None)
@given(alert=any_alert())
def test_any_alert_keeps_the_schema_and_the_size(alert: Alert) -> None:
    payload = payloads.alert_payload(Outgoing(alert, STORE), node="edge-01")
    assert len(payload) <= payloads.MAX_ALERT_BYTES
    jsonschema.validate(json.loads(payload), SCHEMA, format_checker=jsonschema.FormatChecker())


def test_the_schema_refuses_what_is_wrong() -> None:
    alert = replace(make_draft(FakeClock()), sequence=1)
    right = json.loads(payloads.alert_payload(Outgoing(alert, STORE), node="edge-01"))
    for key, value in (("sequence", 0), ("id", "x"), ("severity", "loud"), ("captured_at", "now")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(
                {**right, key: value}, SCHEMA, format_checker=jsonschema.FormatChecker()
            )
    del right["snapshot_reason"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(right, SCHEMA)


def test_every_camera_state_has_a_word_of_the_contract() -> None:
    allowed = {"online", "degraded", "offline", "disabled"}
    assert {payloads.CAMERA_WORDS[state] for state in CameraState} == allowed
