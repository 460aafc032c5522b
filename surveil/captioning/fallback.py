"""Two engines as one: the second speaks while the first is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from surveil.captioning.engine import Captioner, CaptionResult, Interruptible
from surveil.errors import CaptionError, OutOfMemoryError
from surveil.records import PictureSize, Rgb

logger = logging.getLogger(__name__)

RETRY_S = 30.0
"""A first engine that failed is left alone for this long, so that each batch does not wait out its time limit again."""


class FallbackCaptioner:
    """A Captioner. `model_id`, `device` and `precision` are those of the engine that answered last."""

    def __init__(
        self,
        first: Captioner,
        second: Captioner,
        *,
        retry_s: float = RETRY_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first = first
        self._second = second
        self._retry_s = retry_s
        self._now_s = now_s
        self._interrupted = threading.Event()
        self._speaking = first
        self._again_s = now_s()
        self.trouble: str | None = None
        """Why the second engine speaks; None while the first does. Any thread may read it."""

    @property
    def model_id(self) -> str:
        return self._speaking.model_id

    @property
    def device(self) -> str:
        return self._speaking.device

    @property
    def precision(self) -> str:
        return self._speaking.precision

    @property
    def gives_confidence(self) -> bool:
        """Only when both do: a rule that asks for confidence must not fall silent with the first engine."""
        return self._first.gives_confidence and self._second.gives_confidence

    @property
    def picture_size(self) -> PictureSize:
        return self._speaking.picture_size

    @property
    def takes_prompt(self) -> bool:
        return self._first.takes_prompt or self._second.takes_prompt

    @property
    def takes_question(self) -> bool:
        """Only when both do: an answer must not turn into a description."""
        return self._first.takes_question and self._second.takes_question

    @property
    def max_batch(self) -> int:
        return self._speaking.max_batch

    def caption(self, pictures: Sequence[Rgb], *, prompt: str | None = None) -> list[CaptionResult]:
        if self._now_s() >= self._again_s:
            try:
                captions = self._first.caption(pictures, prompt=prompt)
            except CaptionError as error:
                smaller_may_do = isinstance(error, OutOfMemoryError) and len(pictures) > 1
                if smaller_may_do or self._interrupted.is_set():
                    raise
                self._turn_away(error)
            else:
                self._turn_back()
                return captions
        if self._interrupted.is_set():
            raise CaptionError("the captioner is stopped")
        return self._second.caption(pictures, prompt=prompt)

    def interrupt(self) -> None:
        """Of the engines that can be; the second is not asked any more."""
        self._interrupted.set()
        for engine in (self._first, self._second):
            if isinstance(engine, Interruptible):
                engine.interrupt()

    def warm_up(self) -> None:
        """Both, so that the second is ready at once when it is needed."""
        self._first.warm_up()
        self._second.warm_up()

    def close(self) -> None:
        self._first.close()
        self._second.close()

    def _turn_away(self, error: CaptionError) -> None:
        if self.trouble is None:
            logger.warning("%s; %s captions instead", error, self._second.model_id)
        self.trouble = str(error)
        self._speaking = self._second
        self._again_s = self._now_s() + self._retry_s

    def _turn_back(self) -> None:
        if self.trouble is not None:
            logger.warning("%s captions again", self._first.model_id)
        self.trouble = None
        self._speaking = self._first
