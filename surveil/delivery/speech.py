"""Alerts and captions, spoken aloud."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from surveil.clock import Clock, WallTime, ns
from surveil.delivery.delivery_queue import DeliveryQueue
from surveil.delivery.delivery_worker import DeliveryWorker, TryLater
from surveil.errors import DeliveryError
from surveil.records import Alert, Caption, Outgoing, Problem
from surveil.worker import Worker, WorkerFailed

STALE_MS = 60_000
"""An alert that is older is not spoken: a machine that was switched on must not recite the night."""
LONGEST_S = 60.0
MAX_CHARS = 300


class Speaker(Protocol):
    """Something with a voice."""

    def say(self, text: str) -> None:
        """Returns when it was said. Raises DeliveryError."""
        ...


@dataclass(frozen=True, slots=True)
class EspeakSpeaker:
    """The espeak-ng program, through the machine's default sound device."""

    voice: str = "en"
    rate_wpm: int = 160
    extra: tuple[str, ...] = ()
    """More arguments: `("-w", "out.wav")` writes a file instead."""

    def say(self, text: str) -> None:
        # The text goes through stdin, so that no caption can pass for an option.
        command = ["espeak-ng", "-v", self.voice, "-s", str(self.rate_wpm), *self.extra, "--stdin"]
        try:
            subprocess.run(
                command, input=text.encode(), check=True, capture_output=True, timeout=LONGEST_S
            )
        except FileNotFoundError:
            raise DeliveryError("espeak-ng is not installed: apt install espeak-ng") from None
        except subprocess.TimeoutExpired:
            raise DeliveryError(f"espeak-ng did not finish within {LONGEST_S:g} s") from None
        except subprocess.CalledProcessError as error:
            told = error.stderr.decode(errors="replace").strip().splitlines()
            raise DeliveryError(f"espeak-ng failed: {told[-1] if told else error}") from None


class SpeechDelivery(DeliveryWorker):
    """Says each alert by a template: "person climbing at entrance"."""

    def __init__(
        self,
        queue: DeliveryQueue,
        name: str,
        speaker: Speaker,
        *,
        clock: Clock,
        wall: WallTime,
        template: str = "{rule} at {camera}",
        on_failure: WorkerFailed | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(queue, f"speech:{name}", clock=clock, on_failure=on_failure, chance=chance)
        self._speaker = speaker
        self._wall = wall
        self._template = template

    @property
    def allowance_s(self) -> float:
        return LONGEST_S + 30.0

    def deliver(self, outgoing: Outgoing) -> None:
        now_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
        if now_ms - outgoing.alert.captured_unix_ms > STALE_MS:
            return
        try:
            self._speaker.say(sentence(self._template, outgoing.alert))
        except DeliveryError as error:
            raise TryLater(str(error)) from error


class Describer(Worker):
    """Says what a camera shows, every so often. `set_caption` from any thread."""

    def __init__(
        self,
        speaker: Speaker,
        *,
        clock: Clock,
        every_s: float,
        cameras: Sequence[str] = (),
        only_changes: bool = True,
        name: str = "describe",
        on_failure: WorkerFailed | None = None,
    ) -> None:
        """`cameras` empty: all. `only_changes`: a camera that shows the same as before is passed over."""
        super().__init__(f"delivery-{name}", clock=clock, on_failure=on_failure)
        self._problem: Problem | None = None
        self._spoken_total = 0
        self._speaker = speaker
        self._every_ns = ns(every_s)
        self._cameras = frozenset(cameras)
        self._only_changes = only_changes
        self._lock = threading.Lock()
        self._newest: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._due_mono_ns = clock.monotonic_ns()

    @property
    def allowance_s(self) -> float:
        return LONGEST_S + 30.0

    def problems(self) -> Sequence[Problem]:
        """Why the last sentence was not spoken. Any thread."""
        return () if self._problem is None else (self._problem,)

    def counters(self) -> Mapping[str, float]:
        return {"spoken_total": self._spoken_total}

    def set_caption(self, caption: Caption) -> None:
        camera_id = caption.frame.camera_id
        if not self._cameras or camera_id in self._cameras:
            with self._lock:
                self._newest[camera_id] = caption.text

    def step(self) -> None:
        """One sentence for each camera when its time has come, or a short wait."""
        if self._clock.monotonic_ns() < self._due_mono_ns:
            self.wait(0.25)
            return
        self._due_mono_ns = self._clock.monotonic_ns() + self._every_ns
        with self._lock:
            newest = dict(self._newest)
        for camera_id, text in newest.items():
            if not self.stopping and not (self._only_changes and self._said.get(camera_id) == text):
                self._say(camera_id, text)

    def _say(self, camera_id: str, text: str) -> None:
        self.beat()
        try:
            self._speaker.say(f"{_spoken(camera_id)}: {text[:MAX_CHARS]}")
        except DeliveryError as error:
            since_ms = self._problem.since_unix_ms if self._problem else self._clock.unix_ms()
            self._problem = Problem(
                "speech_failing",
                str(error),
                since_ms,
                remedy="let the service have the sound device",
            )
        else:
            self._problem = None
            self._spoken_total += 1
            self._said[camera_id] = text


def sentence(template: str, alert: Alert) -> str:
    """The template filled in, with names as they are spoken."""
    values = {
        "{rule}": _spoken(alert.rule_id),
        "{camera}": _spoken(alert.camera_id),
        "{caption}": alert.caption,
        "{severity}": alert.severity.value,
    }
    for word, value in values.items():
        template = template.replace(word, value)
    return template[:MAX_CHARS]


def _spoken(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")
