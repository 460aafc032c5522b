"""A known picture through captioner, rules, database and MQTT: proof that an alert would have come through.

What the picture must give is learnt once per model and kept in the state directory: the caption, and which rules it
matches. From then on another caption (wrong weights, a broken device) or a rule that no longer matches (dropped, or
a lexicon gone wrong) turns the canary red. To accept a change that is meant, remove the file and restart.

It has passed when the broker has acknowledged the message that says so, and not before. A sentence without words is
never learnt; one that no rule matches is, and is told to prove nothing of the rules.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from surveil.alerts.state_table import StateTable
from surveil.api.metrics import Metrics
from surveil.captioning.caption_problems import has_words
from surveil.capture.av_picture import picture_of
from surveil.clock import NS_PER_MS, NS_PER_S, Clock, WallTime, rfc3339
from surveil.errors import ConfigError
from surveil.language import Lexicon, Matcher
from surveil.records import Caption, Frame, Problem, Sample, SampleReason
from surveil.rules import RuleEngine
from surveil.scheduling.scheduler import Scheduler

logger = logging.getLogger(__name__)

CAMERA_ID = "(canary)"
"""No camera of the configuration can be called this."""
BUILT_IN = Path(__file__).with_name("canary.jpg")
FILE = "canary.json"
REMEDY = "the text says where it stopped: see `canary` in docs/operations.md"


ACKNOWLEDGED_WITHIN_S = 30.0


class ResultPublisher(Protocol):
    """Takes the result to the broker."""

    def __call__(
        self, result: Mapping[str, Any], *, on_acknowledged: Callable[[], None] | None = None
    ) -> None:
        """Returns at once; `on_acknowledged` is called by any thread when the broker has this very result."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """What the picture gave the first time."""

    caption: str
    rules: tuple[str, ...]


class Canary:
    """`send` from any thread; `judge` in the alerts thread; `tick` in main; acknowledgements in the delivery's."""

    name = "canary"

    def __init__(
        self,
        *,
        picture: Path | None,
        pattern: str | None,
        patience_s: float,
        scheduler: Scheduler,
        states: StateTable,
        publish: ResultPublisher | None,
        metrics: Metrics,
        clock: Clock,
        wall: WallTime,
        state_dir: Path,
    ) -> None:
        """`pattern` replaces what was learnt. `patience_s`: no caption by then is a failure. `publish` None: there is
        no broker, and what is committed has passed. Raises ConfigError."""
        self._picture = picture_of(_pixels(picture or BUILT_IN))
        self._pattern = pattern
        self._patience_s = patience_s
        self._scheduler = scheduler
        self._states = states
        self._publish = publish
        self._metrics = metrics
        self._clock = clock
        self._wall = wall
        self._path = state_dir / FILE
        self._lock = threading.Lock()
        self._sent_ns: int | None = None
        self._seq = 0
        self._unacknowledged: tuple[int, int] | None = None
        """(number of the round, since when) of a result that the broker has not acknowledged."""
        self._problem: Problem | None = None

    def send(self) -> None:
        """Put the picture before the captioner, ahead of the cameras."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            self._sent_ns = now_ns
            self._seq += 1
            seq = self._seq
        frame = Frame(
            camera_id=CAMERA_ID,
            run_id="canary",
            seq=seq,
            captured_mono_ns=now_ns,
            captured_unix_ms=self._wall.unix_ms_at(now_ns),
            pts_s=None,
            is_key=True,
            picture=self._picture,
        )
        self._scheduler.inject(Sample(frame, SampleReason.REQUESTED, now_ns))

    def judge(self, caption: Caption, engine: RuleEngine) -> None:
        """Judge what came back, commit it, and publish the result."""
        with self._lock:
            self._sent_ns = None
            self._unacknowledged = None
        judged_from_ns = self._clock.monotonic_ns()
        rules = engine.rules_matching(caption.text)
        failure = self._failure(caption, rules)
        judged_ns = self._clock.monotonic_ns()
        if not self._states.save_canary({"caption": caption.text, "failure": failure}):
            failure = failure or "its result could not be committed to alerts.db"
        self._finish(
            failure,
            caption=caption.text,
            rules=rules,
            timings={
                "capture_to_caption": _ms(caption.done_mono_ns - caption.frame.captured_mono_ns),
                "caption_to_match": _ms(judged_ns - judged_from_ns),
                "match_to_commit": _ms(self._clock.monotonic_ns() - judged_ns),
            },
        )

    def tick(self) -> None:
        """A caption or an acknowledgement that does not come is a failure too."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            waited_ns = 0 if self._sent_ns is None else now_ns - self._sent_ns
            overdue = waited_ns > self._patience_s * NS_PER_S
            if overdue:
                self._sent_ns = None
            unacknowledged = self._unacknowledged
        if overdue:
            self._finish(f"no caption came within {self._patience_s:.0f} s")
        elif unacknowledged and now_ns - unacknowledged[1] > ACKNOWLEDGED_WITHIN_S * NS_PER_S:
            self._fail(
                "the broker has not acknowledged its message; it passes as soon as the broker does"
            )

    def problems(self) -> Sequence[Problem]:
        """What was wrong with the last one. Any thread."""
        problem = self._problem
        return () if problem is None else (problem,)

    def counters(self) -> Mapping[str, float]:
        return {"sent_total": self._seq}

    def _failure(self, caption: Caption, rules: Sequence[str]) -> str | None:
        """Why the result is not what it must be; None when it is."""
        if not has_words(caption.text) or not math.isfinite(caption.confidence or 0.0):
            return f"{caption.model_id} says no word to the known picture"
        if self._pattern is not None:
            matcher = Matcher(Lexicon.load({}))
            if matcher.match(self._pattern, caption.text) is None:
                return f"the caption {caption.text!r} does not assert {self._pattern!r}"
            return None
        known = self._known()
        expected = known.get(caption.model_id)
        if expected is None:
            self._learn(known, caption, rules)
            return None
        return _difference(expected, Expected(caption.text, tuple(rules)), self._path)

    def _known(self) -> dict[str, Expected]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {
                model_id: Expected(entry["caption"], tuple(entry["rules"]))
                for model_id, entry in document.items()
                if has_words(entry["caption"])
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("%s cannot be read and is learnt anew: %s", self._path, error)
            return {}

    def _learn(self, known: dict[str, Expected], caption: Caption, rules: Sequence[str]) -> None:
        known[caption.model_id] = Expected(caption.text, tuple(rules))
        document = {m: {"caption": e.caption, "rules": list(e.rules)} for m, e in known.items()}
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
            temporary.replace(self._path)
        except OSError as error:
            logger.warning("what the canary learnt could not be kept: %s", error)
        proven = ", ".join(rules) or (
            "no rule, so rules are not proven: choose a canary.picture that one of them matches"
        )
        logger.info("canary: %s gives %r, matching %s", caption.model_id, caption.text, proven)

    def _finish(
        self,
        failure: str | None,
        *,
        caption: str | None = None,
        rules: Sequence[str] = (),
        timings: Mapping[str, int] | None = None,
    ) -> None:
        now_ns = self._clock.monotonic_ns()
        now_ms = self._wall.unix_ms_at(now_ns)
        with self._lock:
            seq = self._seq
            waits = failure is None and self._publish is not None
            self._unacknowledged = (seq, now_ns) if waits else None
        if failure is not None:
            self._fail(failure)
        elif self._publish is None:
            self._pass()
        if self._publish is None:
            return
        self._publish(
            {
                "passed": failure is None,
                "at": rfc3339(now_ms),
                "at_ms": now_ms,
                "reason": failure,
                "caption": caption,
                "rules": list(rules),
                "rules_proven": bool(rules),
                "timings_ms": dict(timings or {}),
            },
            on_acknowledged=partial(self._acknowledged, seq) if failure is None else None,
        )

    def _acknowledged(self, seq: int) -> None:
        with self._lock:
            if self._unacknowledged is None or self._unacknowledged[0] != seq:
                return  # sent again with a new connection, or another round has begun to judge
            self._unacknowledged = None
        self._pass()

    def _pass(self) -> None:
        self._metrics.canary(passed=True)
        self._problem = None

    def _fail(self, why: str) -> None:
        self._metrics.canary(passed=False)
        known = self._problem
        if known is not None and known.text == why:
            return
        now_ms = self._wall.unix_ms_at(self._clock.monotonic_ns())
        since_ms = known.since_unix_ms if known else now_ms
        self._problem = Problem("canary", why, since_ms, remedy=REMEDY)
        logger.error("canary: %s", why)


def _difference(expected: Expected, found: Expected, path: Path) -> str | None:
    remedy = f"if that is meant, remove {path.name} from the state directory and restart"
    if found.caption != expected.caption:
        return f"the known picture gave {found.caption!r}, not {expected.caption!r} as before; {remedy}"
    gone = [rule_id for rule_id in expected.rules if rule_id not in found.rules]
    if gone:
        return f"{', '.join(gone)} matched the known picture before and does not now; {remedy}"
    return None


def _pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (OSError, UnidentifiedImageError) as error:
        raise ConfigError(
            f"canary.picture: {path} is no picture that can be read: {error}"
        ) from error


def _ms(duration_ns: int) -> int:
    return max(0, duration_ns // NS_PER_MS)
