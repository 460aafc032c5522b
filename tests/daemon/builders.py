"""Captions, rules and a store on a clock moved by hand."""

from __future__ import annotations

from surveil.records import Caption, Severity
from surveil.rules import Confirm, RuleSpec
from tests.fakes import FakeClock, make_frame


def caption_of(
    text: str, clock: FakeClock, *, camera_id: str = "yard", seq: int = 0, confidence: float = 0.9
) -> Caption:
    """A caption of a frame captured now."""
    frame = make_frame(camera_id, seq=seq, mono_ns=clock.monotonic_ns(), unix_ms=clock.unix_ms())
    return Caption(
        frame=frame,
        text=text,
        confidence=confidence,
        model_id="test-model",
        batch_size=1,
        waited_ms=3,
        inferred_ms=7,
        done_mono_ns=clock.monotonic_ns(),
    )


def rule(rule_id: str, pattern: str, *, cooldown_s: float = 10.0) -> RuleSpec:
    return RuleSpec(
        rule_id=rule_id,
        patterns=(pattern,),
        severity=Severity.CRITICAL,
        event_type=rule_id.replace("-", "_"),
        confirm=Confirm(1, 1),
        cooldown_s=cooldown_s,
    )
