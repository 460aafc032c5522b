"""All rooms of one node, made from its configuration and joined at their doors. Nothing here runs by itself."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.clip_maker import ClipMaker
from surveil.alerts.recorder import AlertRecorder
from surveil.alerts.snapshots import Snapshots
from surveil.api.metrics import Metrics
from surveil.captioning import CaptionsWorker
from surveil.captioning.captions_worker import CaptionQueue
from surveil.capture import CaptureSupervisor, FrameBuffer
from surveil.clock import Clock, WallTime
from surveil.config import Config
from surveil.daemon import wiring
from surveil.daemon.camera_registry import CameraRegistry
from surveil.daemon.canary import CAMERA_ID, Canary
from surveil.daemon.destinations import DestinationBuilder, Destinations
from surveil.daemon.event_fanout import EventFanout
from surveil.daemon.health import Health
from surveil.daemon.mqtt_commands import Commands
from surveil.daemon.node_stats import NodeStats
from surveil.daemon.resources import Resources
from surveil.daemon.retention_jobs import RetentionJobs
from surveil.journal.journal_store import Journal
from surveil.language import Lexicon
from surveil.rules import RuleEngine
from surveil.rules.alerts_worker import AlertsWorker
from surveil.scheduling import Sampler
from surveil.scheduling.scheduler import Scheduler
from surveil.service.jobs import JobFailed, Jobs
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

STATS_S = 60.0
FIRST_STATS_S = 5.0
CANARY_GRACE_S = 60.0
"""Beyond the inference deadline, before a missing canary caption is a failure."""


@dataclass
class Node:
    """The rooms. `captioners` is filled once the models are loaded."""

    config: Config
    store: AlertStore
    snapshots: Snapshots | None
    journal: Journal | None
    capture: CaptureSupervisor
    scheduler: Scheduler
    caption_queue: CaptionQueue
    destinations: Destinations
    recorder: AlertRecorder
    fanout: EventFanout
    alerts: AlertsWorker
    cameras: CameraRegistry
    reporter: NodeStats
    retention_jobs: RetentionJobs
    canary: Canary | None
    clips: ClipMaker | None
    jobs: Jobs
    health: Health
    metrics: Metrics
    captioners: list[CaptionsWorker] = field(default_factory=list)

    @property
    def deliveries(self) -> list[Worker]:
        """Everything that takes alerts out, or makes what follows them."""
        return [*self.destinations.workers, *([self.clips] if self.clips else [])]

    def attach_captioners(self, captioners: list[CaptionsWorker]) -> None:
        """Take on the loaded captioners."""
        self.captioners = captioners
        self.reporter.captioners = captioners
        for worker in captioners:
            captioner = worker.captioner
            self.metrics.engine(
                model_id=captioner.model_id, device=captioner.device, precision=captioner.precision
            )

    def know(self) -> None:
        """Bound the metrics' labels to what the configuration names."""
        self.metrics.know(
            cameras=[camera.id for camera in self.config.cameras],
            rules=[rule.rule_id for rule in self.config.rules],
            destinations=self.destinations.destinations,
        )

    def schedule(self) -> None:
        """Add the wall-clock jobs and start them."""
        self.retention_jobs.schedule(self.jobs)
        self.jobs.every("stats", STATS_S, self.reporter.publish_stats, first_after_s=FIRST_STATS_S)
        if self.canary is not None:
            every_s = self.config.canary.every_s
            self.jobs.every("canary", every_s, self.canary.send, first_after_s=1.0)
        self.jobs.start()

    def reload(self, config: Config) -> None:
        """Give running rooms what may change while they run."""
        rules, lexicon = wiring.rule_specs(config), Lexicon.load(config.synonyms)
        self.alerts.submit(lambda engine: engine.reload(rules, lexicon))
        for captioner in self.captioners:
            captioner.set_prompts(wiring.prompts(config).get)
        self.config = config
        self.know()
        self.cameras.apply(config)

    def tick(self) -> None:
        """Once a second: statuses, numbers, and what the rooms know of their own troubles."""
        journal_problems = self.journal.problems() if self.journal else ()
        problems = (*self.store.problems(), *self.recorder.problems(), *journal_problems)
        found = {problem.code: problem.text for problem in problems}
        known = {problem.code for problem in self.health.problems}
        if "disk" in found and "disk" not in known:
            self.retention_jobs.hurry(self.jobs)
        for code in ("disk", "store", "journal"):
            if code in found:
                self.health.set(code, found[code])
            else:
                self.health.clear(code)
        self.reporter.tick(self.cameras.tell())
        if self.canary is not None:
            self.canary.tick()

    def close(self) -> None:
        """After all threads have ended: databases last."""
        self.fanout.close()
        if self.journal is not None:
            self.journal.close()
        self.store.close()


@dataclass(frozen=True)
class NodeBuilder:
    """What every room needs to be made."""

    config: Config
    clock: Clock
    wall: WallTime
    resources: Resources
    commands: Commands
    on_failure: WorkerFailed
    on_job_failure: JobFailed

    def build(self) -> Node:
        """Open the databases and join everything; no thread runs yet. Raises StoreError, ConfigError."""
        with ExitStack() as undo:
            node = self._build(undo)
            undo.pop_all()
        node.know()
        return node

    def _build(self, undo: ExitStack) -> Node:
        config = self.config
        store = AlertStore(
            wiring.store_path(config.state_dir),
            self.clock,
            self.wall,
            max_waiting=config.alerts.max_waiting,
            reserve_bytes=config.alerts.reserve_bytes,
            max_held=config.memory.unsaved_alerts,
        )
        undo.callback(store.close)
        journal = self._journal()
        if journal is not None:
            undo.callback(journal.close)
        snapshots = self._snapshots()
        memory = self.resources.memory
        buffer = FrameBuffer(
            memory.ring_bytes + memory.packets_bytes, packet_bytes=memory.packets_bytes
        )
        capture = CaptureSupervisor(
            buffer, clock=self.clock, wall=self.wall, on_failure=self.on_failure
        )
        scheduler = Scheduler(Sampler(buffer), self.clock)
        caption_queue = CaptionQueue(memory.caption_queue)
        metrics = Metrics(self.clock)
        destinations = self._destinations(store, snapshots)
        health = self._health(destinations)
        recorder = AlertRecorder(
            store, snapshots, destinations.routes, clock=self.clock, wall=self.wall, source=capture
        )
        clips = self._clips(store, snapshots, capture)
        fanout = EventFanout(
            mqtt=destinations.mqtt,
            describers=destinations.describers,
            journal=journal,
            capture=capture,
            clips=clips,
            metrics=metrics,
            clock=self.clock,
        )
        alerts = AlertsWorker(
            RuleEngine(wiring.rule_specs(config), Lexicon.load(config.synonyms)),
            captions=caption_queue,
            recorder=recorder,
            memory=store.states,
            sampling=scheduler,
            events=fanout,
            clock=self.clock,
            wall=self.wall,
            on_failure=self.on_failure,
        )
        canary = self._canary(scheduler, store, destinations, health=health, metrics=metrics)
        if canary is not None:
            alerts.judges[CAMERA_ID] = canary
        return Node(
            config=config,
            store=store,
            snapshots=snapshots,
            journal=journal,
            capture=capture,
            scheduler=scheduler,
            caption_queue=caption_queue,
            destinations=destinations,
            recorder=recorder,
            fanout=fanout,
            alerts=alerts,
            cameras=CameraRegistry(
                capture=capture,
                scheduler=scheduler,
                alerts=alerts,
                store=store,
                mqtt=destinations.mqtt,
                metrics=metrics,
                clock=self.clock,
                wall=self.wall,
            ),
            reporter=NodeStats(
                scheduler=scheduler,
                store=store,
                mqtt=destinations.mqtt,
                metrics=metrics,
                health=health,
                clock=self.clock,
                state_dir=config.state_dir,
                destinations=destinations.destinations,
            ),
            retention_jobs=RetentionJobs(
                config,
                store=store,
                journal=journal,
                destinations=destinations,
                health=health,
                clock=self.clock,
                wall=self.wall,
            ),
            canary=canary,
            clips=clips,
            jobs=Jobs(
                clock=self.clock, on_failure=self.on_job_failure, timezone=wiring.zone(config)
            ),
            health=health,
            metrics=metrics,
        )

    def _journal(self) -> Journal | None:
        if not self.config.journal.enabled:
            return None
        return Journal(wiring.journal_path(self.config.state_dir), self.clock)

    def _snapshots(self) -> Snapshots | None:
        if not self.config.snapshots.enabled:
            return None
        return Snapshots(
            self.config.snapshots_dir,
            quality=self.config.snapshots.quality,
            burn_in=self.config.snapshots.burn_in,
            tz=wiring.zone(self.config),
        )

    def _destinations(self, store: AlertStore, snapshots: Snapshots | None) -> Destinations:
        return DestinationBuilder(
            config=self.config,
            store=store,
            snapshots=snapshots,
            clock=self.clock,
            wall=self.wall,
            on_command=self.commands.put,
            on_failure=self.on_failure,
        ).build()

    def _health(self, destinations: Destinations) -> Health:
        mqtt = destinations.mqtt
        if mqtt is not None:
            mqtt.set_health(())
        return Health(
            lambda: self.wall.unix_ms_at(self.clock.monotonic_ns()),
            on_change=mqtt.set_health if mqtt else None,
        )

    def _clips(
        self, store: AlertStore, snapshots: Snapshots | None, capture: CaptureSupervisor
    ) -> ClipMaker | None:
        evidence = self.config.snapshots.evidence
        if evidence is None or snapshots is None:
            return None
        from surveil.capture.mp4_writer import Mp4ClipWriter

        return ClipMaker(
            store,
            snapshots,
            capture,
            Mp4ClipWriter(),
            before_s=evidence.before_s,
            after_s=evidence.after_s,
            clock=self.clock,
            on_failure=self.on_failure,
        )

    def _canary(
        self,
        scheduler: Scheduler,
        store: AlertStore,
        destinations: Destinations,
        *,
        health: Health,
        metrics: Metrics,
    ) -> Canary | None:
        section = self.config.canary
        if not section.enabled:
            return None
        return Canary(
            picture=section.picture,
            pattern=section.pattern,
            patience_s=self.config.captioner.deadline_s + CANARY_GRACE_S,
            scheduler=scheduler,
            store=store,
            tell=destinations.mqtt.set_canary if destinations.mqtt else lambda result: None,
            health=health,
            metrics=metrics,
            clock=self.clock,
            wall=self.wall,
            state_dir=self.config.state_dir,
        )
