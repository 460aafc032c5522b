"""Speech: alerts by a template, captions every so often, nothing that is old."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import pytest

from surveil.alerts.recorder import Destination
from surveil.clock import SystemClock, ns
from surveil.delivery.speech import Describer, EspeakSpeaker, SpeechDelivery, sentence
from surveil.errors import DeliveryError
from tests.fakes import FakeClock
from tests.support.alerts import Room, make_caption, make_draft
from tests.support.waiting import eventually


class Voice:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.broken = False

    def say(self, text: str) -> None:
        self.check()
        self.said.append(text)

    def check(self) -> None:
        if self.broken:
            raise DeliveryError("no sound device")

    def close(self) -> None:
        self.broken = True


def test_alerts_are_spoken_by_the_template_and_old_ones_are_not(tmp_path: Path) -> None:
    room = Room(tmp_path, destinations=(Destination("speech:hall"),))
    clock = room.clock
    assert isinstance(clock, FakeClock)
    voice = Voice()
    worker = SpeechDelivery(room.store, "hall", voice, clock=clock)
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
    worker = SpeechDelivery(room.store, "hall", voice, clock=room.clock)
    voice.broken = True
    room.open()
    worker.step()
    (problem,) = worker.problems()
    assert (problem.code, problem.text) == ("speech_failing", "no sound device")
    assert problem.component == "delivery-speech:hall"
    assert "sound device" in problem.remedy
    voice.broken = False
    room.clock.advance(2)
    worker.step()
    assert len(voice.said) == 1


def test_a_step_of_the_clock_silences_no_alert(tmp_path: Path) -> None:
    """NTP arrived while it waited; it was taken for an hour old, not spoken, and counted as done."""
    room = Room(tmp_path, destinations=(Destination("speech:hall"),))
    clock = room.clock
    assert isinstance(clock, FakeClock)
    clock.advance(5)
    voice = Voice()
    worker = SpeechDelivery(room.store, "hall", voice, clock=clock)
    for step_s in (3600.0, -7200.0, 50 * 365 * 86_400.0):
        room.open()
        clock.step_wall(step_s)
        room.wall.refresh()
        worker.step()
    assert len(voice.said) == 3
    assert worker.counters()["stale_total"] == 0
    clock.step_wall(-600.0)
    room.wall.refresh()
    room.open()
    clock.advance(120)
    worker.step()
    assert len(voice.said) == 3, "it is old, whatever the wall clock says"
    assert worker.counters()["stale_total"] == 1


def test_a_machine_that_was_off_does_not_recite_the_night(tmp_path: Path) -> None:
    clock = FakeClock()
    room = Room(tmp_path, clock, destinations=(Destination("speech:hall"),))
    room.open()
    room.store.close()
    clock.step_wall(8 * 3600.0)  # the monotonic clock did not count the night
    morning = Room(tmp_path, clock, destinations=(Destination("speech:hall"),))
    clock.advance(1)
    morning.open("gate")
    voice = Voice()
    worker = SpeechDelivery(morning.store, "hall", voice, clock=clock)
    worker.step()
    worker.step()
    assert voice.said == ["person climbing at gate"]


def test_a_voice_that_never_worked_is_told_at_the_start_and_until_it_works(tmp_path: Path) -> None:
    """Also when nothing is to be said, and not taken for mended because an alert became too old."""
    room = Room(tmp_path, destinations=(Destination("speech:hall"),))
    clock = room.clock
    assert isinstance(clock, FakeClock)
    voice = Voice()
    voice.broken = True
    worker = SpeechDelivery(room.store, "hall", voice, clock=clock)
    worker.begin()
    assert [problem.code for problem in worker.problems()] == ["speech_failing"]
    room.open()
    worker.step()
    clock.advance(61)
    worker.step()
    assert room.waiting("speech:hall") == []
    assert [problem.code for problem in worker.problems()] == ["speech_failing"]
    voice.broken = False
    clock.advance(31)
    worker.step()
    assert worker.problems() == ()


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
    assert problem.component == "delivery-describe"
    assert problem.since_unix_ms == began_ms
    voice.broken = False
    worker.step()
    assert worker.problems() == ()
    assert voice.said == ["yard: a dog runs"]


ESPEAK = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@ESPEAK
def test_espeak_without_a_sound_device_is_a_failure_although_it_exits_with_0() -> None:
    speaker = EspeakSpeaker(extra=("-d", "no-such-device"))
    with pytest.raises(DeliveryError, match=r"espeak-ng failed: \w"):
        speaker.say("person climbing at entrance")
    with pytest.raises(DeliveryError, match=r"espeak-ng failed: \w"):
        speaker.check()


def test_espeak_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DeliveryError, match="apt install espeak-ng"):
        EspeakSpeaker().say("x")


def test_a_stop_does_not_wait_for_a_sentence_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text('#!/bin/sh\necho started >&2\n: > "$0.began"\nexec sleep 60\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    room = Room(tmp_path / "room", SystemClock(), destinations=(Destination("speech:hall"),))
    room.open()
    worker = SpeechDelivery(room.store, "hall", EspeakSpeaker(), clock=room.clock)
    worker.start()
    eventually((tmp_path / "espeak-ng.began").exists)
    worker.stop()
    assert worker.join(room.clock.monotonic_ns() + ns(5.0))
    assert worker.failure is None
    assert room.waiting("speech:hall") == [1]


@ESPEAK
def test_espeak_speaks(tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    EspeakSpeaker(rate_wpm=200, extra=("-w", str(file))).say("-v person climbing at entrance")
    with wave.open(str(file)) as sound:
        assert sound.getnframes() / sound.getframerate() > 0.8
    with pytest.raises(DeliveryError, match="espeak-ng failed"):
        EspeakSpeaker(voice="klingon-x").say("no")
