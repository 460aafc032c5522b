"""Alerts and captions, spoken aloud."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from surveil.clock import Clock, ns
from surveil.delivery.delivery_queue import DeliveryQueue
from surveil.delivery.delivery_worker import DeliveryWorker, TryLater
from surveil.errors import DeliveryError
from surveil.records import Alert, Caption, Outgoing, Problem
from surveil.worker import Worker, WorkerFailed

STALE_MS = 60_000
"""An alert that is older is not spoken: a machine that was switched on must not recite the night."""
LONGEST_S = 60.0
MAX_CHARS = 300
CODE = "speech_failing"
REMEDY = (
    "see that espeak-ng is installed and a sound device is there that the service may use: "
    "`make install DROPINS=sound`"
)


class Speaker(Protocol):
    """Something with a voice. `close` from any thread, the rest from one."""

    def say(self, text: str) -> None:
        """Returns when it was said. Raises DeliveryError."""
        ...

    def check(self) -> None:
        """As `say`, but says nothing."""
        ...

    def close(self) -> None:
        """Be silent, at once and from now on."""
        ...


class EspeakSpeaker:
    """The espeak-ng program, through the machine's default sound device."""

    def __init__(
        self, voice: str = "en", rate_wpm: int = 160, *, extra: Sequence[str] = ()
    ) -> None:
        """`extra`: more arguments: `("-w", "out.wav")` writes a file instead."""
        # The text goes through stdin, so that no caption can pass for an option.
        self._command = ["espeak-ng", "-v", voice, "-s", str(rate_wpm), *extra, "--stdin"]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def say(self, text: str) -> None:
        try:
            with self._start() as process:
                told = self._finish(process, text)
        except FileNotFoundError:
            raise DeliveryError("espeak-ng is not installed: apt install espeak-ng") from None
        except OSError as error:
            raise DeliveryError(f"espeak-ng cannot be started: {error.strerror}") from None
        # Without a sound device it says so, says nothing else, and exits with 0.
        wrong = [line for line in told if line.startswith("error:")]
        if process.returncode != 0 or wrong:
            last = (wrong or told or [f"exit code {process.returncode}"])[-1]
            raise DeliveryError(f"espeak-ng failed: {last.removeprefix('error:').strip()}")

    def check(self) -> None:
        """Opens the sound device all the same."""
        self.say("")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise DeliveryError("no more is said: surveil is stopping")
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            return self._process

    def _finish(self, process: subprocess.Popen[bytes], text: str) -> list[str]:
        """What it wrote to stderr, as lines."""
        try:
            _, told = process.communicate(text.encode(), timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise DeliveryError(f"espeak-ng did not finish within {LONGEST_S:g} s") from None
        return told.decode(errors="replace").strip().splitlines()


class SpeechDelivery(DeliveryWorker):
    """Says each alert by a template: "person climbing at entrance"."""

    failing = CODE
    remedy = REMEDY

    def __init__(
        self,
        queue: DeliveryQueue,
        name: str,
        speaker: Speaker,
        *,
        clock: Clock,
        template: str = "{rule} at {camera}",
        on_failure: WorkerFailed | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(queue, f"speech:{name}", clock=clock, on_failure=on_failure, chance=chance)
        self._speaker = speaker
        self._template = template

    @property
    def allowance_s(self) -> float:
        return LONGEST_S + 30.0

    def stop(self) -> None:
        """Also in the middle of a word; an alert that was not said to its end stays in the queue."""
        super().stop()
        self._speaker.close()

    def deliver(self, outgoing: Outgoing) -> bool:
        # By the time that it waited, not by its date: a clock that was stepped must not silence an alert.
        if outgoing.waited_ms > STALE_MS:
            return False
        self._try(lambda: self._speaker.say(sentence(self._template, outgoing.alert)))
        return True

    def check(self) -> bool:
        self._try(self._speaker.check)
        return True

    def _try(self, speak: Callable[[], None]) -> None:
        """Nothing that a voice refuses is the alert's fault."""
        try:
            speak()
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

    def stop(self) -> None:
        """Also in the middle of a word."""
        super().stop()
        self._speaker.close()

    def set_caption(self, caption: Caption) -> None:
        camera_id = caption.frame.camera_id
        if not self._cameras or camera_id in self._cameras:
            with self._lock:
                self._newest[camera_id] = caption.text

    def begin(self) -> None:
        """A voice that never worked is told before it is needed."""
        self._try(self._speaker.check)

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
        spoken = f"{_spoken(camera_id)}: {text[:MAX_CHARS]}"
        if self._try(lambda: self._speaker.say(spoken)):
            self._spoken_total += 1
            self._said[camera_id] = text

    def _try(self, speak: Callable[[], None]) -> bool:
        try:
            speak()
        except DeliveryError as error:
            since_ms = self._problem.since_unix_ms if self._problem else self._clock.unix_ms()
            self._problem = Problem(CODE, str(error), since_ms, component=self.name, remedy=REMEDY)
            return False
        self._problem = None
        return True


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
