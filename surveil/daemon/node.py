"""One node: the parts that watch, joined, and what they need once a second. Nothing in it runs by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.clip_maker import ClipMaker
from surveil.alerts.recorder import AlertRecorder
from surveil.alerts.snapshots import Snapshots
from surveil.api.metrics import Metrics
from surveil.captioning import CaptionsWorker
from surveil.captioning.captions_worker import CaptionQueue
from surveil.capture import CaptureSupervisor, FrameBuffer
from surveil.config import Config, specs
from surveil.daemon.camera_registry import CameraRegistry
from surveil.daemon.canary import Canary
from surveil.daemon.components import C, Components
from surveil.daemon.destinations import Destinations
from surveil.daemon.event_fanout import CameraActivity
from surveil.daemon.health import HealthMonitor
from surveil.daemon.node_problems import NodeProblems
from surveil.daemon.node_stats import NodeStats
from surveil.daemon.retention_jobs import RetentionJobs
from surveil.journal.journal_store import Journal
from surveil.language import Lexicon
from surveil.rules.alerts_worker import AlertsWorker
from surveil.scheduling.scheduler import Scheduler
from surveil.service.jobs import Jobs
from surveil.worker import Worker

STATS_S = 60.0
FIRST_STATS_S = 5.0


@dataclass(frozen=True)
class Storage:
    """What lies on the disk, opened."""

    alerts: AlertStore
    journal: Journal | None
    snapshots: Snapshots | None

    def close(self) -> None:
        """After all threads have ended."""
        if self.journal is not None:
            self.journal.flush()
            self.journal.close()
        self.alerts.close()


@dataclass(frozen=True)
class Pipeline:
    """From cameras to captions. The captioners stand between the last two."""

    buffer: FrameBuffer
    capture: CaptureSupervisor
    scheduler: Scheduler
    caption_queue: CaptionQueue


@dataclass
class Node:
    """Made by `build_node`; `captioners` are attached once the models are loaded. Main thread."""

    components: Components
    """Every part that holds a thread, a socket, a file or a model."""
    config: Config
    storage: Storage
    pipeline: Pipeline
    destinations: Destinations
    recorder: AlertRecorder
    activity: CameraActivity
    alerts: AlertsWorker
    cameras: CameraRegistry
    stats: NodeStats
    retention_jobs: RetentionJobs
    canary: Canary | None
    clips: ClipMaker | None
    jobs: Jobs
    health: HealthMonitor
    own_problems: NodeProblems
    metrics: Metrics
    captioners: list[CaptionsWorker] = field(default_factory=list)

    def register(self, part: C) -> C:
        """Take a part into the node; returns it."""
        return self.components.register(part)

    @property
    def deliveries(self) -> list[Worker]:
        """Everything that takes alerts out, or makes what follows them."""
        return [*self.destinations.workers, *([self.clips] if self.clips else [])]

    def attach_captioners(self, captioners: list[CaptionsWorker]) -> None:
        """Take on the loaded captioners."""
        self.captioners = [self.register(worker) for worker in captioners]
        self.stats.captioners = self.captioners
        for worker in captioners:
            captioner = worker.captioner
            self.metrics.engine(
                model_id=captioner.model_id, device=captioner.device, precision=captioner.precision
            )

    def register_labels(self) -> None:
        """Bound the metrics' labels to what the configuration names."""
        self.metrics.register_labels(
            cameras=[camera.id for camera in self.config.cameras],
            rules=[rule.rule_id for rule in self.config.rules],
            destinations=self.destinations.names,
        )

    def schedule(self) -> None:
        """Add the wall-clock jobs and start them."""
        self.retention_jobs.schedule(self.jobs)
        self.jobs.every("stats", STATS_S, self.stats.publish_stats, first_after_s=FIRST_STATS_S)
        if self.canary is not None:
            every_s = self.config.canary.every_s
            self.jobs.every("canary", every_s, self.canary.send, first_after_s=1.0)
        self.jobs.start()

    def reload(self, config: Config) -> None:
        """Give running parts what may change while they run."""
        rules, lexicon = specs.rule_specs(config), Lexicon.load(config.synonyms)
        self.alerts.submit(lambda engine: engine.reload(rules, lexicon))
        for captioner in self.captioners:
            captioner.set_prompts(specs.prompts(config).get)
        self.config = config
        self.register_labels()
        self.cameras.apply(config)

    def tick(self) -> None:
        """Once a second: statuses, numbers, and then how every part says that it is."""
        self.cameras.tick()
        self.stats.tick()
        if self.canary is not None:
            self.canary.tick()
        if any(problem.code == "disk" for problem in self.health.tick()):
            self.retention_jobs.sweep_now(self.jobs)
