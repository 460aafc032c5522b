"""What a captions worker tells of its engine: judged by the sentences that come out, never by what went in."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surveil.captioning.engine import CaptionResult
from surveil.clock import Clock, ns
from surveil.records import Problem

FAILING, EMPTY, FALLBACK, CLAMPED = (
    "captions_failing",
    "captions_empty",
    "captioner_fallback",
    "deadlines_clamped",
)
EMPTY_IN_A_ROW = 3
"""One wordless sentence may be the picture's fault, a row of them is the model's."""
STALE_NS = ns(90.0)
"""A camera whose failure was not repeated for this long is not asked for any more: samples are repeated within 30 s."""


def has_words(text: str) -> bool:
    """Whether a caption says anything: a model that is broken often goes on making punctuation."""
    return any(character.isalnum() for character in text)


def cleaned(result: CaptionResult) -> CaptionResult:
    """Without words where the confidence is no number: what a model says that computes none is noise."""
    if result.confidence is None or math.isfinite(result.confidence):
        return result
    return CaptionResult("", None)


class CaptionProblems:
    """Written by the captioner's thread, read by any: what is read is replaced as a whole."""

    def __init__(self, component: str, clock: Clock, *, clamped: Sequence[str] = ()) -> None:
        """`clamped`: settings that contradict each other, and what was made of them."""
        self._component = component
        self._clock = clock
        self._empty_in_a_row = 0
        self._failing: dict[str, int] = {}
        """camera_id -> when it last failed, monotonic."""
        self._open: dict[str, Problem] = {}
        if clamped:
            self._told(CLAMPED, "; ".join(clamped), "make the settings fit, or remove them")

    def now(self) -> tuple[Problem, ...]:
        """In the order in which they arose. Any thread."""
        return tuple(self._open.values())

    def failed(self, camera_ids: Sequence[str], why: str) -> None:
        """A batch with pictures of these cameras gave nothing."""
        now_ns = self._clock.monotonic_ns()
        self._failing |= dict.fromkeys(camera_ids, now_ns)
        self._tell_failing(why)

    def answered(self, camera_id: str, text: str, *, model_id: str) -> None:
        """A sentence came out, if only an empty one."""
        if has_words(text):
            self._empty_in_a_row = 0
            self._close(EMPTY)
            if self._failing:
                self._failing.pop(camera_id, None)
                self._tell_failing()
            return
        self._empty_in_a_row += 1
        if self._empty_in_a_row >= EMPTY_IN_A_ROW:
            self._told(
                EMPTY,
                f"{model_id} answers without a word",
                "its weights are broken or overflow: fetch the model again, or set precision: fp32",
            )

    def fallback(self, trouble: str | None, *, speaking: str) -> None:
        """`trouble`: why the first engine does not speak; None when it does."""
        if trouble is None:
            self._close(FALLBACK)
        else:
            self._told(
                FALLBACK,
                f"{speaking} captions instead: {trouble}",
                "mend the captioner's engine; it is tried again by itself",
            )

    def _tell_failing(self, why: str | None = None) -> None:
        """`why` None: as it was told before."""
        since_ns = self._clock.monotonic_ns() - STALE_NS
        self._failing = {one: at for one, at in self._failing.items() if at >= since_ns}
        if not self._failing:
            self._close(FAILING)
        elif why is not None:
            self._told(
                FAILING,
                f"no captions: {why}",
                "mend what it names; captions go on by themselves",
            )

    def _told(self, code: str, text: str, remedy: str) -> None:
        known = self._open.get(code)
        since_unix_ms = known.since_unix_ms if known else self._clock.unix_ms()
        problem = Problem(code, text, since_unix_ms, component=self._component, remedy=remedy)
        self._open = {**self._open, code: problem}

    def _close(self, code: str) -> None:
        if code in self._open:
            self._open = {name: one for name, one in self._open.items() if name != code}
