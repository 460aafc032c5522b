"""The captioner's thread: asks for samples, captions them in batches, hands the captions on.

The accelerator sets the pace: a new batch is asked for when the last one has been handed on, so what is captioned is
the newest there is. Captions are never dropped for want of room: the thread waits until the sink takes them.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from surveil.captioning.caption_problems import CaptionProblems, cleaned, has_words
from surveil.captioning.engine import Captioner, CaptionResult, Interruptible
from surveil.captioning.fallback import FallbackCaptioner
from surveil.clock import NS_PER_MS, NS_PER_S, Clock, ns
from surveil.errors import CaptionError, OutOfMemoryError
from surveil.records import Caption, PictureSize, Problem, Rgb, Sample, Unchanged
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

PromptOf = Callable[[str], str | None]
"""camera_id -> prompt."""

CAPTIONER_NICE = 5
IDLE_ALLOWANCE_S = 10.0
SINK_CHUNK_S = 0.5


class Pulled(Protocol):
    """What a source gives; `surveil.scheduling.Pull` is one."""

    @property
    def samples(self) -> Sequence[Sample]: ...
    @property
    def unchanged(self) -> Sequence[Unchanged]: ...


class SampleSource(Protocol):
    """Where work comes from. Called from the captioner's thread only."""

    def pull(self, limit: int) -> Pulled:
        """At most `limit` samples that are due now, newest frames; returns at once."""
        ...

    def wait(self, seconds: float) -> None:
        """Until something may be due, at most `seconds`; a stop may cut it short."""
        ...

    def captioned(self, sample: Sample) -> None:
        """The sample has its caption."""
        ...

    def failed(self, sample: Sample, error: CaptionError) -> None:
        """The sample got no caption, or one without words; its camera is to come up again soon."""
        ...


class CaptionSink(Protocol):
    """Where captions go. Called from the captioner's thread only."""

    def put(self, item: Caption | Unchanged, timeout_s: float) -> bool:
        """False when there was no room within `timeout_s`; the worker offers it again."""
        ...


@dataclass(frozen=True, slots=True)
class CaptionerStats:
    """Counters since the start; replaced as a whole, so any thread may read them."""

    captions_total: int = 0
    batches_total: int = 0
    failed_total: int = 0
    """Pictures that got no caption, or one without words."""
    lost_total: int = 0
    """Captions that a full sink did not take before a stop."""
    inferring_s_total: float = 0.0
    batch_limit: int = 0
    last_error: str | None = None
    """Why the latest batch failed; None after one that did not."""


class CaptionsWorker(Worker):
    """One accelerator's thread. A CaptionError is a counted status, told to the source; all else ends the process."""

    def __init__(
        self,
        captioner: Captioner,
        *,
        source: SampleSource,
        sink: CaptionSink,
        clock: Clock,
        prompt_of: PromptOf | None = None,
        max_wait_s: float = 0.0,
        max_batch: int | None = None,
        deadline_s: float = 60.0,
        clamped: Sequence[str] = (),
        prepare: Callable[[], None] | None = None,
        name: str = "captioner",
        on_failure: WorkerFailed | None = None,
    ) -> None:
        """`prepare` runs first in the thread, before the engine's own threads are born of it.

        `deadline_s`: what one call of the captioner may take, its fallback included. `clamped`: as CaptionProblems.
        """
        super().__init__(name, clock=clock, on_failure=on_failure)
        self._prepare = prepare
        self.captioner = captioner
        self.stats = CaptionerStats(
            batch_limit=min(captioner.max_batch, max_batch or captioner.max_batch)
        )
        self._source = source
        self._sink = sink
        self._prompt_of = prompt_of or _no_prompt
        self._max_wait_s = max_wait_s
        self._deadline_s = deadline_s
        self._inferring = False
        self._problems = CaptionProblems(name, clock, clamped=clamped)

    @property
    def allowance_s(self) -> float:
        """The oldest beat that a watchdog should accept now: an inference may take its deadline, all else is quick."""
        return self._deadline_s if self._inferring else IDLE_ALLOWANCE_S

    def problems(self) -> Sequence[Problem]:
        """No sentences, sentences without words, the second engine speaking. Any thread."""
        return self._problems.now()

    def counters(self) -> Mapping[str, float]:
        """What only grows since the start, and the batch size that memory allows now. Any thread."""
        stats = self.stats
        return {
            "captions_total": stats.captions_total,
            "batches_total": stats.batches_total,
            "failed_total": stats.failed_total,
            "lost_total": stats.lost_total,
            "inferring_s_total": stats.inferring_s_total,
            "batch_limit": stats.batch_limit,
        }

    def set_prompts(self, prompt_of: PromptOf | None) -> None:
        """After a reload; any thread, from the next batch on."""
        self._prompt_of = prompt_of or _no_prompt

    def begin(self) -> None:
        if self._prepare is not None:
            self._prepare()

    def step(self) -> None:
        samples = self._gather()
        if not samples:
            self._source.wait(1.0)
            return
        by_prompt = sorted(samples, key=self._prompt_key)
        for key, group in groupby(by_prompt, key=self._prompt_key):
            self._caption_all(list(group), prompt=key or None)

    def stop(self) -> None:
        """A request that hangs somewhere else does not hold up the end."""
        super().stop()
        if isinstance(self.captioner, Interruptible):
            self.captioner.interrupt()

    def finish(self) -> None:
        self.captioner.close()

    def _prompt_key(self, sample: Sample) -> str:
        if not self.captioner.takes_prompt:
            return ""
        return self._prompt_of(sample.frame.camera_id) or ""

    def _gather(self) -> list[Sample]:
        """Up to a full batch; a batch that is not full waits `max_wait_s` for company, an empty one does not."""
        samples = self._pull(self.stats.batch_limit)
        until_mono_ns = self._clock.monotonic_ns() + ns(self._max_wait_s)
        while samples and len(samples) < self.stats.batch_limit and not self.stopping:
            left_s = (until_mono_ns - self._clock.monotonic_ns()) / NS_PER_S
            if left_s <= 0:
                break
            self._source.wait(left_s)
            samples += self._pull(self.stats.batch_limit - len(samples))
        return samples

    def _pull(self, limit: int) -> list[Sample]:
        pulled = self._source.pull(limit)
        for unchanged in pulled.unchanged:
            self._hand_on(unchanged)
        return list(pulled.samples)

    def _caption_all(self, samples: list[Sample], *, prompt: str | None) -> None:
        """Captions `samples`, in halves as often as the memory asks for it."""
        waiting = [samples]
        while waiting:
            batch = waiting.pop(0)
            try:
                captions = self._caption(batch, prompt)
            except OutOfMemoryError as error:
                if len(batch) == 1:
                    self._give_up(batch, error)
                    continue
                half = (len(batch) + 1) // 2
                logger.warning("%s; batches are now at most %d", error, half)
                self.stats = replace(self.stats, batch_limit=min(half, self.stats.batch_limit))
                waiting = [batch[:half], batch[half:], *waiting]
            except CaptionError as error:
                self._give_up(batch, error)
            else:
                for sample, caption in zip(batch, captions, strict=True):
                    self._answered(sample, caption)
                    self._hand_on(caption)

    def _answered(self, sample: Sample, caption: Caption) -> None:
        """One without words is handed on as what came out, but its picture has not been watched."""
        camera_id = sample.frame.camera_id
        self._problems.answered(camera_id, caption.text, model_id=caption.model_id)
        if has_words(caption.text):
            self.stats = replace(self.stats, captions_total=self.stats.captions_total + 1)
            self._source.captioned(sample)
        else:
            self.stats = replace(self.stats, failed_total=self.stats.failed_total + 1)
            self._source.failed(sample, CaptionError(f"{caption.model_id} gave no words"))

    def _caption(self, batch: list[Sample], prompt: str | None) -> list[Caption]:
        pictures = [_scaled(sample, self.captioner.picture_size) for sample in batch]
        began_mono_ns = self._clock.monotonic_ns()
        self._inferring = True
        self.beat()
        try:
            results = list(map(cleaned, self.captioner.caption(pictures, prompt=prompt)))
        finally:
            self.beat()
            self._inferring = False
            if isinstance(self.captioner, FallbackCaptioner):
                self._problems.fallback(self.captioner.trouble, speaking=self.captioner.model_id)
        done_mono_ns = self._clock.monotonic_ns()
        self._count(done_mono_ns - began_mono_ns)
        return [
            _as_caption(sample, result, self.captioner, len(batch), began_mono_ns, done_mono_ns)
            for sample, result in zip(batch, results, strict=True)
        ]

    def _count(self, took_ns: int) -> None:
        self.stats = replace(
            self.stats,
            batches_total=self.stats.batches_total + 1,
            inferring_s_total=self.stats.inferring_s_total + took_ns / NS_PER_S,
            last_error=None,
        )

    def _give_up(self, batch: list[Sample], error: CaptionError) -> None:
        if self.stopping:
            return  # given up because of that
        if self.stats.last_error != str(error):
            logger.warning("captioning failed: %s", error)
        self.stats = replace(
            self.stats, failed_total=self.stats.failed_total + len(batch), last_error=str(error)
        )
        self._problems.failed([sample.frame.camera_id for sample in batch], str(error))
        for sample in batch:
            self._source.failed(sample, error)

    def _hand_on(self, item: Caption | Unchanged) -> None:
        """Waits for room, beating, so that a slow sink is not taken for a hung inference. A stop ends the wait."""
        while not self._sink.put(item, SINK_CHUNK_S):
            self.beat()
            if self.stopping:
                self.stats = replace(self.stats, lost_total=self.stats.lost_total + 1)
                return


def _no_prompt(camera_id: str) -> str | None:
    return None


def _scaled(sample: Sample, size: PictureSize) -> Rgb:
    picture = sample.frame.picture
    return picture.rgb(*size.of(picture.width_px, picture.height_px))


def _as_caption(
    sample: Sample,
    result: CaptionResult,
    captioner: Captioner,
    size: int,
    began_mono_ns: int,
    done_mono_ns: int,
) -> Caption:
    ready_mono_ns = max(sample.due_mono_ns, sample.frame.captured_mono_ns)
    return Caption(
        frame=sample.frame,
        text=result.text,
        confidence=result.confidence,
        model_id=captioner.model_id,
        batch_size=size,
        waited_ms=max(0, began_mono_ns - ready_mono_ns) // NS_PER_MS,
        inferred_ms=(done_mono_ns - began_mono_ns) // NS_PER_MS,
        done_mono_ns=done_mono_ns,
        reason=sample.reason,
    )


CAPACITY = 64
"""A few seconds' worth; what waits here holds its frame's pixels."""


def yield_to_capture() -> None:
    """Lower the calling thread's priority; threads that it starts, as torch's pool, inherit it. Linux only."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), CAPTIONER_NICE)


class CaptionQueue:
    """Any thread. A CaptionSink."""

    name = "caption-queue"

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._items: queue.Queue[Caption | Unchanged] = queue.Queue(capacity)

    def problems(self) -> Sequence[Problem]:
        """A full queue is a slow alerts thread, whose matter it is."""
        return ()

    def counters(self) -> Mapping[str, float]:
        return {"waiting": len(self)}

    def put(self, item: Caption | Unchanged, timeout_s: float) -> bool:
        """False when there was no room in time."""
        try:
            self._items.put(item, timeout=timeout_s)
        except queue.Full:
            return False
        return True

    def get(self, timeout_s: float) -> Caption | Unchanged | None:
        """None when nothing came in time."""
        try:
            return self._items.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def __len__(self) -> int:
        return self._items.qsize()
