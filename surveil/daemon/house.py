"""All rooms of one node, made from its configuration and joined at their doors. Nothing here runs by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from surveil.alerting.desk import AlertDesk, Route
from surveil.alerting.mqtt import MqttDelivery
from surveil.alerting.outgoing import MQTT
from surveil.alerting.snapshots import Snapshots
from surveil.alerting.store import AlertStore
from surveil.captioning import CaptionerWorker, open_captioner
from surveil.capture import Captures, Ring
from surveil.clock import Clock, WallTime
from surveil.config import Config
from surveil.daemon import wiring
from surveil.daemon.alerts import AlertsWorker
from surveil.daemon.cameras import CameraDesk
from surveil.daemon.commands import Commands
from surveil.daemon.herald import Herald
from surveil.daemon.inbox import Inbox
from surveil.daemon.looks import Looks
from surveil.daemon.report import Reporter
from surveil.journal.store import Journal
from surveil.rules import Lexicon, RuleEngine
from surveil.sampling import Sampler
from surveil.service.health import Health
from surveil.service.jobs import Jobs
from surveil.service.lock import InstanceLock
from surveil.service.metrics import Metrics
from surveil.worker import Worker, WorkerFailed

logger = logging.getLogger(__name__)


@dataclass
class House:
    """The rooms. `captioners` is empty until `open_captioners`."""

    config: Config
    clock: Clock
    wall: WallTime
    lock: InstanceLock
    store: AlertStore
    snapshots: Snapshots | None
    journal: Journal | None
    captures: Captures
    looks: Looks
    inbox: Inbox
    alerts: AlertsWorker
    desk: AlertDesk
    herald: Herald
    reporter: Reporter
    cameras: CameraDesk
    mqtt: MqttDelivery | None
    jobs: Jobs
    health: Health
    metrics: Metrics
    on_failure: WorkerFailed
    captioners: list[CaptionerWorker] = field(default_factory=list)
    deliveries: list[Worker] = field(default_factory=list)

    def open_captioners(self, tell: Callable[[str], None]) -> None:
        """Load and warm up one captioner per device. Raises DeviceError, ModelError."""
        for number, spec in enumerate(wiring.captioner_specs(self.config)):
            tell(f"loading {spec.model or spec.engine} on {spec.device}")
            captioner = open_captioner(spec)
            captioner.warm_up()
            tell(f"{captioner.model_id} is ready on {captioner.device} in {captioner.precision}")
            self.metrics.engine(
                model_id=captioner.model_id, device=captioner.device, precision=captioner.precision
            )
            self.captioners.append(
                CaptionerWorker(
                    captioner,
                    source=self.looks,
                    sink=self.inbox,
                    clock=self.clock,
                    prompt_of=wiring.prompts(self.config).get,
                    max_wait_s=self.config.captioner.max_wait_s,
                    deadline_s=spec.deadline_s,
                    name="captioner" if number == 0 else f"captioner-{number}",
                    on_failure=self.on_failure,
                )
            )
        self.reporter.captioners = self.captioners

    def reload(self, config: Config) -> None:
        """Give running rooms what may change while they run; cameras are the CameraDesk's."""
        rules, lexicon = wiring.rule_specs(config), Lexicon.load(config.synonyms)
        self.alerts.soon(lambda engine: engine.reload(rules, lexicon))
        for captioner in self.captioners:
            captioner.set_prompts(wiring.prompts(config).get)
        self.config = config
        self.know()

    def know(self) -> None:
        """Bound the metrics' labels to what the configuration names."""
        self.metrics.know(
            cameras=[camera.id for camera in self.config.cameras],
            rules=[rule.rule_id for rule in self.config.rules],
            destinations=[delivery.name.removeprefix("delivery-") for delivery in self.deliveries],
        )

    def tell_health(self) -> None:
        """Gather what the rooms know of their own troubles."""
        found = {problem.code: problem.text for problem in self.desk.problems()}
        journal_problem = self.journal.problem() if self.journal else None
        if journal_problem is not None:
            found.setdefault("journal", journal_problem.text)
        for code in ("disk", "store", "journal"):
            if code in found:
                self.health.set(code, found[code])
            else:
                self.health.clear(code)

    def close(self) -> None:
        """After all threads have ended: databases last."""
        self.herald.close()
        if self.journal is not None:
            self.journal.close()
        self.store.close()
        self.lock.release()


def build_house(
    config: Config,
    *,
    clock: Clock,
    wall: WallTime,
    commands: Commands,
    on_failure: WorkerFailed,
    on_job_failure: Callable[[str, BaseException], None],
) -> House:
    """Open the state directory and join everything; no thread runs yet. Raises StoreError, SurveilError."""
    lock = InstanceLock(config.state_dir)
    lock.acquire()
    store = AlertStore(
        wiring.store_path(config.state_dir),
        clock,
        wall,
        max_waiting=config.alerts.max_waiting,
        reserve_bytes=config.alerts.reserve_bytes,
    )
    snapshots = _snapshots(config)
    journal = (
        Journal(wiring.journal_path(config.state_dir), clock) if config.journal.enabled else None
    )
    ring = Ring(config.memory.ring_bytes)
    captures = Captures(ring, clock=clock, wall=wall, on_failure=on_failure)
    looks = Looks(Sampler(ring), clock)
    inbox = Inbox()
    metrics = Metrics(clock)
    mqtt = _mqtt(config, store, snapshots, clock=clock, commands=commands, on_failure=on_failure)
    health = Health(
        lambda: wall.unix_ms_at(clock.monotonic_ns()),
        on_change=mqtt.set_health if mqtt else None,
    )
    if mqtt is not None:
        mqtt.set_health(())
    desk = AlertDesk(
        store,
        snapshots,
        [Route(MQTT)] if mqtt else [],
        clock=clock,
        wall=wall,
        source=captures,
    )
    herald = Herald(mqtt=mqtt, journal=journal, captures=captures, metrics=metrics, clock=clock)
    engine = RuleEngine(wiring.rule_specs(config), Lexicon.load(config.synonyms))
    alerts = AlertsWorker(
        engine,
        inbox=inbox,
        desk=desk,
        store=store,
        attention=looks,
        watched=herald,
        clock=clock,
        wall=wall,
        on_failure=on_failure,
    )
    cameras = CameraDesk(
        captures=captures,
        looks=looks,
        store=store,
        mqtt=mqtt,
        metrics=metrics,
        clock=clock,
        wall=wall,
    )
    return House(
        config=config,
        clock=clock,
        wall=wall,
        lock=lock,
        store=store,
        snapshots=snapshots,
        journal=journal,
        captures=captures,
        looks=looks,
        inbox=inbox,
        alerts=alerts,
        desk=desk,
        herald=herald,
        reporter=Reporter(
            looks=looks,
            store=store,
            mqtt=mqtt,
            metrics=metrics,
            health=health,
            clock=clock,
            state_dir=config.state_dir,
        ),
        cameras=cameras,
        mqtt=mqtt,
        jobs=Jobs(clock=clock, on_failure=on_job_failure, timezone=wiring.zone(config)),
        health=health,
        metrics=metrics,
        on_failure=on_failure,
        deliveries=[mqtt] if mqtt else [],
    )


def _snapshots(config: Config) -> Snapshots | None:
    if not config.snapshots.enabled:
        return None
    return Snapshots(
        config.snapshots_dir,
        quality=config.snapshots.quality,
        burn_in=config.snapshots.burn_in,
        tz=wiring.zone(config),
    )


def _mqtt(
    config: Config,
    store: AlertStore,
    snapshots: Snapshots | None,
    *,
    clock: Clock,
    commands: Commands,
    on_failure: WorkerFailed,
) -> MqttDelivery | None:
    if config.mqtt is None:
        return None
    return MqttDelivery(
        store,
        wiring.mqtt_spec(config, config.mqtt),
        clock=clock,
        snapshots=snapshots,
        on_command=commands.put,
        on_failure=on_failure,
        tz=wiring.zone(config),
    )
