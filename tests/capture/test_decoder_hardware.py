"""Hardware decoders are used where they are, and missed in one line where they are not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from surveil.capture.decoder import DecoderFactory, revived, slot_of
from tests.capture.cameras import packets_of


@pytest.mark.parametrize("hwaccel", ["vaapi:/dev/dri/renderD250", "nonsense", "v4l2m2m"])
def test_without_the_hardware_software_decodes_and_one_line_says_so(
    hwaccel: str, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = DecoderFactory("yard", hwaccel)
    packets = packets_of(clip)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            decoder = shop.decoder(packets[0].stream)
            assert len(decoder.alone(revived(packets[0]), slot_of(packets[0]))) == 1
            assert not decoder.is_hardware
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"camera yard decodes in software: {hwaccel.partition(':')[0]}: ")


def test_nothing_is_said_when_no_hardware_was_asked_for(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    DecoderFactory("yard", None).decoder(packets_of(clip)[0].stream)
    assert caplog.records == []
