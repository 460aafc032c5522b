"""The alerts thread: captions become matches, incidents, alerts, states and journal entries, in that order."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from surveil.clock import Clock, WallTime, ns
from surveil.records import Alert, Caption, OpenedIncident, Problem, Unchanged
from surveil.rules.incidents import ChangeKind, Incident, IncidentChange
from surveil.rules.rule_engine import RuleEngine
from surveil.worker import Worker, WorkerFailed

NAME = "alerts"
CAPTION_WAIT_S = 0.2
TICK_NS = ns(1.0)
SAVE_HITS_NS = ns(10.0)
"""Hit counts and quiet times of open incidents are saved this often, to spare the flash; openings and ends at once."""


class CaptionSource(Protocol):
    """Where captions come from."""

    def get(self, timeout_s: float) -> Caption | Unchanged | None:
        """The oldest, or None when there is none within `timeout_s`."""
        ...


class IncidentRecorder(Protocol):
    """Makes an alert of an opened incident; no disk stops it."""

    def record(
        self, incident: OpenedIncident, *, open_incidents: Sequence[Mapping[str, Any]]
    ) -> Alert:
        """The alert and `open_incidents` are durable together when this returns, or the alert says not."""
        ...

    def tick(self) -> None:
        """About once a second."""
        ...


class IncidentMemory(Protocol):
    """What a restart must not forget of open incidents. None of these raises."""

    def open_incidents(self) -> list[dict[str, Any]]:
        """As last recorded or saved."""
        ...

    def save_incidents(self, incidents: Sequence[Mapping[str, Any]]) -> None: ...


class EventReceiver(Protocol):
    """Told what was seen; none of these blocks. The daemon fans out to MQTT, journal and metrics."""

    def on_caption(self, caption: Caption) -> None: ...
    def on_unchanged(self, unchanged: Unchanged) -> None: ...
    def on_alert(self, alert: Alert, caption: Caption) -> None: ...
    def on_incident_change(self, change: IncidentChange) -> None:
        """An incident opened, was hit again, or ended."""
        ...

    def on_open_incidents(self, camera_id: str, incidents: tuple[Incident, ...]) -> None:
        """The camera's open incidents changed; empty when it is quiet again."""
        ...

    def on_tick(self) -> None:
        """About once a second."""
        ...


class SamplingControl(Protocol):
    """The sampler's side of an incident."""

    def hit(self, caption: Caption) -> None: ...
    def set_bypass_gates(self, camera_id: str, region_id: str | None, *, on: bool) -> None: ...


class CaptionJudge(Protocol):
    """The canary: a caption that is no camera's."""

    def judge(self, caption: Caption, engine: RuleEngine) -> None: ...


class AlertsWorker(Worker):
    """Owns the rule engine: nothing else touches it. `submit` runs a function in this thread."""

    def __init__(
        self,
        engine: RuleEngine,
        *,
        captions: CaptionSource,
        recorder: IncidentRecorder,
        memory: IncidentMemory,
        sampling: SamplingControl,
        events: EventReceiver,
        clock: Clock,
        wall: WallTime,
        on_failure: WorkerFailed | None = None,
    ) -> None:
        super().__init__(NAME, clock=clock, on_failure=on_failure)
        self._engine = engine
        self._captions = captions
        self._recorder = recorder
        self._memory = memory
        self._sampling = sampling
        self._events = events
        self._wall = wall
        self._tasks: queue.SimpleQueue[Callable[[RuleEngine], list[IncidentChange]]] = (
            queue.SimpleQueue()
        )
        self._next_tick_ns = 0
        self._next_save_ns = 0
        self._unsaved = False
        self._cameras: frozenset[str] | None = None
        """None: not told yet, all count."""
        self._slow_since_ms: dict[str, int] = {}
        self._captions_total = 0
        self._alerts_total = 0
        self.judges: dict[str, CaptionJudge] = {}
        """camera_id -> who judges its captions instead of the rules. Set before the start."""

    def problems(self) -> Sequence[Problem]:
        """Rules that cannot do their work; what keeps alerts from being kept is known where they are kept."""
        return [self._slow_problem(text) for text in sorted(self._engine.slow_regexes)]

    def counters(self) -> Mapping[str, float]:
        return {"captions_total": self._captions_total, "alerts_total": self._alerts_total}

    def _slow_problem(self, expression: str) -> Problem:
        since_ms = self._slow_since_ms.setdefault(expression, self._clock.unix_ms())
        rules = [rule.rule_id for rule in self._engine.rules if expression in rule.regex]
        return Problem(
            "rule_regex_slow",
            f"rule {', '.join(rules)}: the regular expression {expression} takes too long and was given up",
            since_ms,
            component=self.name,
            remedy="write it without a repetition inside a repetition, such as (a+)+, or use patterns",
        )

    def submit(self, task: Callable[[RuleEngine], list[IncidentChange]]) -> None:
        """Run `task` on the rule engine in the alerts thread; its changes are handled as any. Any thread."""
        self._tasks.put(task)

    def watch(self, camera_ids: Iterable[str]) -> None:
        """From now on only these cameras count: incidents of others end, and captions of them that are still on their
        way are dropped, or a camera just switched off would alert once more. Any thread."""
        watched = frozenset(camera_ids)

        def task(engine: RuleEngine) -> list[IncidentChange]:
            gone = engine.cameras() - watched
            self._cameras = watched
            return [change for camera_id in gone for change in engine.forget_camera(camera_id)]

        self.submit(task)

    def begin(self) -> None:
        """Take up the incidents that were open when the daemon last ended."""
        now_ns = self._clock.monotonic_ns()
        entries = self._memory.open_incidents()
        over = self._engine.restore(
            entries, now_mono_ns=now_ns, wall_unix_ms=self._wall.unix_ms_at(now_ns)
        )
        cameras = {str(entry["camera"]) for entry in entries}
        for camera_id in cameras:
            self._tell_abnormal(camera_id)
        if over:
            self._save()

    def step(self) -> None:
        item = self._captions.get(CAPTION_WAIT_S)
        self._run_tasks()
        if isinstance(item, Caption):
            self._caption(item)
        elif item is not None:
            self._unchanged(item)
        self._tick()

    def finish(self) -> None:
        """Captions are not perishable: what the captioners handed over is judged before the end."""
        while (item := self._captions.get(0)) is not None:
            if isinstance(item, Caption):
                self._caption(item)
            else:
                self._unchanged(item)
        self._save()
        self._events.on_tick()

    def _caption(self, caption: Caption) -> None:
        if judge := self.judges.get(caption.frame.camera_id):
            judge.judge(caption, self._engine)
            return
        if self._cameras is not None and caption.frame.camera_id not in self._cameras:
            return
        now_ns = self._clock.monotonic_ns()
        self._captions_total += 1
        self._events.on_caption(caption)
        changes = self._engine.observe(caption, self._wall.unix_ms_at(now_ns))
        if any(change.kind is not ChangeKind.ENDED for change in changes):
            self._sampling.hit(caption)
        self._handle(changes)
        frame = caption.frame
        self._sampling.set_bypass_gates(
            frame.camera_id,
            frame.region_id,
            on=self._engine.bypass_gates(frame.camera_id, frame.region_id),
        )

    def _unchanged(self, unchanged: Unchanged) -> None:
        self._events.on_unchanged(unchanged)
        self._handle(self._engine.unchanged(unchanged))

    def _run_tasks(self) -> None:
        """What has come so far, and no more."""
        for _ in range(self._tasks.qsize()):
            self._handle(self._tasks.get()(self._engine))

    def _tick(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._next_tick_ns:
            return
        self._next_tick_ns = now_ns + TICK_NS
        changes = self._engine.tick(now_ns)
        self._handle(changes)
        self._recorder.tick()
        self._events.on_tick()
        if self._unsaved and now_ns >= self._next_save_ns:
            self._save()

    def _handle(self, changes: Sequence[IncidentChange]) -> None:
        """Alert for what opened, save what ended, tell the states of every camera concerned."""
        opened = [c.incident for c in changes if c.kind is ChangeKind.OPENED]
        for index, incident in enumerate(opened):
            self._raise_alert(incident, not_yet=opened[index + 1 :])
        for change in changes:
            self._events.on_incident_change(change)
        self._unsaved |= bool(changes)
        for camera_id in dict.fromkeys(change.incident.camera_id for change in changes):
            self._tell_abnormal(camera_id)
        if any(change.kind is ChangeKind.ENDED for change in changes):
            self._save()
            self._calm(changes)

    def _raise_alert(self, incident: Incident, *, not_yet: Sequence[Incident]) -> None:
        """One transaction holds the alert and the incidents that are open; those whose alert comes `not_yet` stay out,
        or a crash in between would forget to tell of them."""
        assert incident.caption is not None  # promised for `opened`
        later = {other.incident_id for other in not_yet}
        still_open = [e for e in self._open_incidents() if e["incident_id"] not in later]
        opened = OpenedIncident(
            rule_id=incident.rule.rule_id,
            event_type=incident.rule.event_type,
            severity=incident.rule.severity,
            camera_id=incident.camera_id,
            region_id=incident.region_id,
            match=incident.match,
            caption=incident.caption,
            evidence=incident.evidence,
        )
        alert = self._recorder.record(opened, open_incidents=still_open)
        self._alerts_total += 1
        self._events.on_alert(alert, incident.caption)

    def _calm(self, changes: Sequence[IncidentChange]) -> None:
        """Cameras whose incidents ended go back behind the gates."""
        for change in changes:
            camera_id, region_id = change.incident.camera_id, change.incident.region_id
            on = self._engine.bypass_gates(camera_id, region_id)
            self._sampling.set_bypass_gates(camera_id, region_id, on=on)

    def _tell_abnormal(self, camera_id: str) -> None:
        self._events.on_open_incidents(camera_id, self._engine.active(camera_id))

    def _open_incidents(self) -> list[dict[str, object]]:
        now_ns = self._clock.monotonic_ns()
        return self._engine.open_incidents(
            now_mono_ns=now_ns, wall_unix_ms=self._wall.unix_ms_at(now_ns)
        )

    def _save(self) -> None:
        self._memory.save_incidents(self._open_incidents())
        self._unsaved = False
        self._next_save_ns = self._clock.monotonic_ns() + SAVE_HITS_NS
