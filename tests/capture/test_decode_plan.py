"""Which packets are worth decoding."""

from __future__ import annotations

import pytest

from surveil.capture.camera_spec import DecodeMode
from surveil.capture.decoder import DecodePlan, GopMeter
from surveil.clock import ns


def watched(plan: DecodePlan, *, gop_s: float, fps: int = 10, seconds: float = 20.0) -> int:
    """How many of the pictures of that time are decoded, after the stream is known."""
    decoded = 0
    gop = round(gop_s * fps)
    for seq in range(round(seconds * fps)):
        at_ns, is_key = ns(seq / fps), seq % gop == 0
        plan.meter.saw(at_ns, is_key=is_key)
        wanted = plan.all_wanted(at_ns, detail=False) or (is_key and plan.key_wanted(at_ns))
        decoded += wanted and seq >= 2 * gop
    return decoded


def test_the_meter_tells_the_longest_of_the_last_distances() -> None:
    meter = GopMeter()
    for at_s in (0, 1, 3, 4, 5, 6):
        assert meter.gop_s == {0: None, 1: None, 3: 1, 4: 2, 5: 2, 6: 2}[at_s]
        meter.saw(ns(at_s), is_key=True)
        meter.saw(ns(at_s + 0.5), is_key=False)
    assert meter.gop_s == 1
    assert meter.gop_packets == 2


@pytest.mark.parametrize(
    ("mode", "gop_s", "interval_s", "decoded"),
    [
        (DecodeMode.AUTO, 1.0, 1.0, 18),
        (DecodeMode.AUTO, 1.0, 5.0, 18),
        (DecodeMode.AUTO, 4.0, 5.0, 3),
        (DecodeMode.AUTO, 4.0, 2.0, 120),
        (DecodeMode.KEYFRAMES, 4.0, 2.0, 3),
        (DecodeMode.ALL, 1.0, 5.0, 180),
    ],
)
def test_keyframes_alone_are_decoded_when_they_come_as_often_as_samples(
    mode: DecodeMode, gop_s: float, interval_s: float, decoded: int
) -> None:
    assert watched(DecodePlan(mode, interval_s), gop_s=gop_s) == decoded


def test_where_every_picture_is_a_keyframe_a_few_an_interval_are_decoded() -> None:
    """Given MJPEG at 10 a second sampled every 6 s, one a second is decoded."""
    assert watched(DecodePlan(DecodeMode.AUTO, 6.0), gop_s=0.1) == 19


def test_rare_samples_still_find_a_young_picture() -> None:
    """Given keyframes each second and a sample every ten minutes, one is decoded every 2 s."""
    assert watched(DecodePlan(DecodeMode.AUTO, 600.0), gop_s=1.0) == 9


def test_a_new_stream_is_trusted_until_its_second_keyframe_is_overdue() -> None:
    """So that sixty-four cameras which start together are not all decoded in full at first."""
    plan = DecodePlan(DecodeMode.AUTO, 5.0)
    assert not plan.all_wanted(ns(0), detail=False)
    plan.meter.saw(ns(0), is_key=True)
    assert not plan.all_wanted(ns(6.2), detail=False)
    assert plan.all_wanted(ns(6.3), detail=False)


def test_a_camera_that_stops_sending_keyframes_is_decoded_in_full() -> None:
    """Given keyframes each second, when the next one does not come for longer than the interval, all is decoded."""
    plan = DecodePlan(DecodeMode.AUTO, 2.0)
    for at_s in range(4):
        plan.meter.saw(ns(at_s), is_key=True)
    assert not plan.all_wanted(ns(5), detail=False)
    assert plan.all_wanted(ns(5.6), detail=False)


def test_detail_wins_over_the_mode() -> None:
    assert DecodePlan(DecodeMode.KEYFRAMES, 5.0).all_wanted(0, detail=True)
