"""All rooms of one node, made from its configuration and joined at their doors. Nothing here runs by itself."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.clip_maker import ClipMaker
from surveil.alerts.recorder import AlertDesk
from surveil.alerts.snapshots import Snapshots
from surveil.api.metrics import Metrics
from surveil.captioning import CaptionerWorker
from surveil.captioning.captions_worker import Inbox
from surveil.capture import Captures, Ring
from surveil.clock import Clock, WallTime
from surveil.config import Config
from surveil.daemon import wiring
from surveil.daemon.camera_registry import CameraDesk
from surveil.daemon.canary import CAMERA_ID, Canary
from surveil.daemon.destinations import OutletBuilder, Outlets
from surveil.daemon.event_fanout import Herald
from surveil.daemon.health import Health
from surveil.daemon.mqtt_commands import Commands
from surveil.daemon.node_stats import Reporter
from surveil.daemon.resources import Resources
from surveil.daemon.retention_jobs import Upkeep
from surveil.journal.journal_store import Journal
from surveil.language import Lexicon
from surveil.rules import RuleEngine
from surveil.rules.alerts_worker import AlertsWorker
from surveil.scheduling import Sampler
from surveil.scheduling.scheduler import Looks
from surveil.service.jobs import JobFailed, Jobs
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)

STATS_S = 60.0
FIRST_STATS_S = 5.0
CANARY_GRACE_S = 60.0
"""Beyond the inference deadline, before a missing canary caption is a failure."""


@dataclass
class House:
    """The rooms. `captioners` is filled once the models are loaded."""

    config: Config
    store: AlertStore
    snapshots: Snapshots | None
    journal: Journal | None
    captures: Captures
    looks: Looks
    inbox: Inbox
    outlets: Outlets
    desk: AlertDesk
    herald: Herald
    alerts: AlertsWorker
    cameras: CameraDesk
    reporter: Reporter
    upkeep: Upkeep
    canary: Canary | None
    clips: ClipMaker | None
    jobs: Jobs
    health: Health
    metrics: Metrics
    captioners: list[CaptionerWorker] = field(default_factory=list)

    @property
    def deliveries(self) -> list[Worker]:
        """Everything that takes alerts out, or makes what follows them."""
        return [*self.outlets.workers, *([self.clips] if self.clips else [])]

    def employ(self, captioners: list[CaptionerWorker]) -> None:
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
            destinations=self.outlets.destinations,
        )

    def schedule(self) -> None:
        """Add the wall-clock jobs and start them."""
        self.upkeep.schedule(self.jobs)
        self.jobs.every("stats", STATS_S, self.reporter.publish_stats, first_after_s=FIRST_STATS_S)
        if self.canary is not None:
            every_s = self.config.canary.every_s
            self.jobs.every("canary", every_s, self.canary.send, first_after_s=1.0)
        self.jobs.start()

    def reload(self, config: Config) -> None:
        """Give running rooms what may change while they run."""
        rules, lexicon = wiring.rule_specs(config), Lexicon.load(config.synonyms)
        self.alerts.soon(lambda engine: engine.reload(rules, lexicon))
        for captioner in self.captioners:
            captioner.set_prompts(wiring.prompts(config).get)
        self.config = config
        self.know()
        self.cameras.apply(config)

    def tick(self) -> None:
        """Once a second: statuses, numbers, and what the rooms know of their own troubles."""
        found = {problem.code: problem.text for problem in self.desk.problems()}
        journal_problem = self.journal.problem() if self.journal else None
        if journal_problem is not None:
            found["journal"] = journal_problem.text
        known = {problem.code for problem in self.health.problems}
        if "disk" in found and "disk" not in known:
            self.upkeep.hurry(self.jobs)
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
        self.herald.close()
        if self.journal is not None:
            self.journal.close()
        self.store.close()


@dataclass(frozen=True)
class HouseBuilder:
    """What every room needs to be made."""

    config: Config
    clock: Clock
    wall: WallTime
    resources: Resources
    commands: Commands
    on_failure: WorkerFailed
    on_job_failure: JobFailed

    def build(self) -> House:
        """Open the databases and join everything; no thread runs yet. Raises StoreError, ConfigError."""
        with ExitStack() as undo:
            house = self._build(undo)
            undo.pop_all()
        house.know()
        return house

    def _build(self, undo: ExitStack) -> House:
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
        ring = Ring(memory.ring_bytes + memory.packets_bytes, packet_bytes=memory.packets_bytes)
        captures = Captures(ring, clock=self.clock, wall=self.wall, on_failure=self.on_failure)
        looks = Looks(Sampler(ring), self.clock)
        inbox = Inbox(memory.inbox)
        metrics = Metrics(self.clock)
        outlets = self._outlets(store, snapshots)
        health = self._health(outlets)
        desk = AlertDesk(
            store, snapshots, outlets.routes, clock=self.clock, wall=self.wall, source=captures
        )
        clips = self._clips(store, snapshots, captures)
        herald = Herald(
            mqtt=outlets.mqtt,
            describers=outlets.describers,
            journal=journal,
            captures=captures,
            clips=clips,
            metrics=metrics,
            clock=self.clock,
        )
        alerts = AlertsWorker(
            RuleEngine(wiring.rule_specs(config), Lexicon.load(config.synonyms)),
            inbox=inbox,
            desk=desk,
            store=store,
            attention=looks,
            watched=herald,
            clock=self.clock,
            wall=self.wall,
            on_failure=self.on_failure,
        )
        canary = self._canary(looks, store, outlets, health=health, metrics=metrics)
        if canary is not None:
            alerts.proofs[CAMERA_ID] = canary
        return House(
            config=config,
            store=store,
            snapshots=snapshots,
            journal=journal,
            captures=captures,
            looks=looks,
            inbox=inbox,
            outlets=outlets,
            desk=desk,
            herald=herald,
            alerts=alerts,
            cameras=CameraDesk(
                captures=captures,
                looks=looks,
                alerts=alerts,
                store=store,
                mqtt=outlets.mqtt,
                metrics=metrics,
                clock=self.clock,
                wall=self.wall,
            ),
            reporter=Reporter(
                looks=looks,
                store=store,
                mqtt=outlets.mqtt,
                metrics=metrics,
                health=health,
                clock=self.clock,
                state_dir=config.state_dir,
                destinations=outlets.destinations,
            ),
            upkeep=Upkeep(
                config,
                store=store,
                journal=journal,
                outlets=outlets,
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

    def _outlets(self, store: AlertStore, snapshots: Snapshots | None) -> Outlets:
        return OutletBuilder(
            config=self.config,
            store=store,
            snapshots=snapshots,
            clock=self.clock,
            wall=self.wall,
            on_command=self.commands.put,
            on_failure=self.on_failure,
        ).build()

    def _health(self, outlets: Outlets) -> Health:
        mqtt = outlets.mqtt
        if mqtt is not None:
            mqtt.set_health(())
        return Health(
            lambda: self.wall.unix_ms_at(self.clock.monotonic_ns()),
            on_change=mqtt.set_health if mqtt else None,
        )

    def _clips(
        self, store: AlertStore, snapshots: Snapshots | None, captures: Captures
    ) -> ClipMaker | None:
        evidence = self.config.snapshots.evidence
        if evidence is None or snapshots is None:
            return None
        from surveil.capture.mp4_writer import Mp4ClipWriter

        return ClipMaker(
            store,
            snapshots,
            captures,
            Mp4ClipWriter(),
            before_s=evidence.before_s,
            after_s=evidence.after_s,
            clock=self.clock,
            on_failure=self.on_failure,
        )

    def _canary(
        self,
        looks: Looks,
        store: AlertStore,
        outlets: Outlets,
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
            looks=looks,
            store=store,
            tell=outlets.mqtt.set_canary if outlets.mqtt else lambda result: None,
            health=health,
            metrics=metrics,
            clock=self.clock,
            wall=self.wall,
            state_dir=self.config.state_dir,
        )
