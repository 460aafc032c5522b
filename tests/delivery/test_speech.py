"""Speech: alerts by a template, captions every so often, nothing that is old."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import pytest

from surveil.alerts.recorder import Destination
from surveil.delivery.speech import Describer, EspeakSpeaker, SpeechDelivery, sentence
from surveil.errors import DeliveryError
from tests.fakes import FakeClock
from tests.support.alerts import Room, make_caption, make_draft


class Voice:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.broken = False

    def say(self, text: str) -> None:
        if self.broken:
            raise DeliveryError("no sound device")
        self.said.append(text)


def test_alerts_are_spoken_by_the_template_and_old_ones_are_not(tmp_path: Path) -> None:
    room = Room(tmp_path, destinations=(Destination("speech:hall"),))
    clock = room.clock
    assert isinstance(clock, FakeClock)
    voice = Voice()
    worker = SpeechDelivery(room.store, "hall", voice, clock=clock, wall=room.wall)
    room.open("front_door")
    worker.step()
    room.open("front_door")
    clock.advance(120)
    room.open("back-yard")
    worker.step()
    worker.step()
    assert voice.said == ["person climbing at front door", "person climbing at back yard"]
    assert room.waiting("speech:hall") == []


def test_a_voice_that_fails_is_tried_again(tmp_path: Path) -> None:
    room = Room(tmp_path, destinations=(Destination("speech:hall"),))
    assert isinstance(room.clock, FakeClock)
    voice = Voice()
    worker = SpeechDelivery(room.store, "hall", voice, clock=room.clock, wall=room.wall)
    voice.broken = True
    room.open()
    worker.step()
    (problem,) = worker.problems()
    assert (problem.code, problem.text) == ("delivery_failing", "no sound device")
    voice.broken = False
    room.clock.advance(2)
    worker.step()
    assert len(voice.said) == 1


def test_templates_know_four_words() -> None:
    alert = make_draft(FakeClock(), "yard")
    told = sentence("{severity}: {rule} at {camera}, {caption}", alert)
    assert told == f"warning: person climbing at yard, {alert.caption}"


def test_the_describer_says_what_changed(tmp_path: Path) -> None:
    clock = FakeClock()
    voice = Voice()
    worker = Describer(voice, clock=clock, every_s=10, cameras=["yard"])
    for text in ("an empty yard", "an empty yard", "a dog runs"):
        worker.set_caption(make_caption(clock, "yard", text=text))
        worker.set_caption(make_caption(clock, "gate", text=text))
        worker.step()
        clock.advance(10)
    assert voice.said == ["yard: an empty yard", "yard: a dog runs"]
    assert worker.counters() == {"spoken_total": 2}


def test_a_describer_that_cannot_speak_says_so_until_it_can(tmp_path: Path) -> None:
    clock = FakeClock()
    voice = Voice()
    voice.broken = True
    worker = Describer(voice, clock=clock, every_s=10)
    worker.set_caption(make_caption(clock, "yard", text="a dog runs"))
    began_ms = clock.unix_ms()
    for _ in range(2):
        worker.step()
        clock.advance(10)
    (problem,) = worker.problems()
    assert (problem.code, problem.text) == ("speech_failing", "no sound device")
    assert problem.since_unix_ms == began_ms
    voice.broken = False
    worker.step()
    assert worker.problems() == ()
    assert voice.said == ["yard: a dog runs"]


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_speaks(tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    EspeakSpeaker(rate_wpm=200, extra=("-w", str(file))).say("-v person climbing at entrance")
    with wave.open(str(file)) as sound:
        assert sound.getnframes() / sound.getframerate() > 0.8
    with pytest.raises(DeliveryError, match="espeak-ng failed"):
        EspeakSpeaker(voice="klingon-x").say("no")
