"""Makes every part of one node from its configuration, and joins them. The only place that knows all rooms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.clip_maker import ClipMaker
from surveil.alerts.recorder import AlertRecorder
from surveil.alerts.snapshots import Snapshots
from surveil.api.metrics import Metrics
from surveil.captioning.captions_worker import CaptionQueue
from surveil.capture import CaptureSupervisor, FrameBuffer
from surveil.config import specs
from surveil.daemon.camera_registry import CameraRegistry
from surveil.daemon.canary import CAMERA_ID, Canary
from surveil.daemon.components import Components
from surveil.daemon.context import Context
from surveil.daemon.destinations import Destinations, build_destinations
from surveil.daemon.event_fanout import (
    CameraActivity,
    EventFanout,
    Receiver,
    ToCapture,
    ToClips,
    ToDescriber,
    ToJournal,
    ToMetrics,
    ToMqtt,
)
from surveil.daemon.health import HealthMonitor
from surveil.daemon.node import Node, Pipeline, Storage
from surveil.daemon.node_problems import NodeProblems
from surveil.daemon.node_stats import NodeStats
from surveil.daemon.retention_jobs import RetentionJobs
from surveil.journal.journal_store import Journal
from surveil.language import Lexicon
from surveil.rules import RuleEngine
from surveil.rules.alerts_worker import AlertsWorker
from surveil.scheduling import Sampler
from surveil.scheduling.scheduler import Scheduler
from surveil.service.jobs import Jobs

CANARY_GRACE_S = 60.0
"""Beyond the inference deadline, before a missing canary caption is a failure."""


def build_node(context: Context) -> Node:
    """Open the databases and join everything; no thread runs yet. Raises StoreError, ConfigError."""
    with ExitStack() as undo:
        storage = _storage(context, undo)
        destinations = build_destinations(context, storage.alerts, storage.snapshots)
        node = _join(context, storage, _pipeline(context), destinations)
        _register_parts(node, context)
        undo.pop_all()
    node.register_labels()
    return node


def _storage(context: Context, undo: ExitStack) -> Storage:
    """What is opened is closed again by `undo`, should anything after it fail."""
    config = context.config
    alerts = AlertStore(
        specs.store_path(config.state_dir),
        context.clock,
        context.wall,
        max_waiting=config.alerts.max_waiting,
        reserve_bytes=config.alerts.reserve_bytes,
        max_held=config.memory.unsaved_alerts,
    )
    undo.callback(alerts.close)
    journal = None
    if config.journal.enabled:
        journal = Journal(specs.journal_path(config.state_dir), context.clock)
        undo.callback(journal.close)
    return Storage(alerts, journal, _snapshots(context))


def _snapshots(context: Context) -> Snapshots | None:
    section = context.config.snapshots
    if not section.enabled:
        return None
    return Snapshots(
        context.config.snapshots_dir,
        quality=section.quality,
        burn_in=section.burn_in,
        tz=specs.zone(context.config),
    )


def _pipeline(context: Context) -> Pipeline:
    memory = context.resources.memory
    buffer = FrameBuffer(
        memory.frame_buffer_bytes + memory.packets_bytes, packet_bytes=memory.packets_bytes
    )
    return Pipeline(
        buffer=buffer,
        capture=CaptureSupervisor(
            buffer, clock=context.clock, wall=context.wall, on_failure=context.on_failure
        ),
        scheduler=Scheduler(Sampler(buffer), context.clock),
        caption_queue=CaptionQueue(memory.caption_queue),
    )


def _join(
    context: Context, storage: Storage, pipeline: Pipeline, destinations: Destinations
) -> Node:
    config, clock, wall = context.config, context.clock, context.wall
    metrics, activity = Metrics(clock), CameraActivity()
    components, own_problems = Components(), NodeProblems(clock, wall)
    health = _health(context, components, destinations, metrics)
    clips = _clips(context, storage, pipeline)
    recorder = _recorder(context, storage, pipeline, destinations)
    receivers = _optional_receivers(context, storage, destinations, clips)
    fanout = _fanout(activity, ToMetrics(metrics), ToCapture(pipeline.capture), *receivers)
    alerts = _alerts(context, storage, pipeline, recorder=recorder, fanout=fanout)
    cameras = _cameras(context, storage, pipeline, destinations, alerts=alerts, activity=activity)
    canary = _canary(context, storage, pipeline, destinations, alerts=alerts, metrics=metrics)
    return Node(
        components=components,
        config=config,
        storage=storage,
        pipeline=pipeline,
        destinations=destinations,
        recorder=recorder,
        activity=activity,
        alerts=alerts,
        cameras=cameras,
        stats=NodeStats(
            cameras=cameras,
            store=storage.alerts,
            mqtt=destinations.mqtt,
            metrics=metrics,
            health=health,
            node_problems=own_problems,
            state_dir=config.state_dir,
            destinations=destinations.names,
        ),
        retention_jobs=_retention(context, storage, destinations),
        canary=canary,
        clips=clips,
        jobs=Jobs(
            clock=clock,
            on_failure=context.on_job_failure,
            on_run=metrics.job,
            timezone=specs.zone(config),
        ),
        health=health,
        own_problems=own_problems,
        metrics=metrics,
    )


def _register_parts(node: Node, context: Context) -> None:
    """Whoever is not in here is not part of the node; the captioners and the HTTP server follow when they are made."""
    storage, pipeline = node.storage, node.pipeline
    node.register(storage.alerts)
    if storage.journal is not None:
        node.register(storage.journal)
    node.register(pipeline.buffer)
    node.register(pipeline.capture)
    node.register(pipeline.scheduler)
    node.register(pipeline.caption_queue)
    node.register(node.recorder)
    for worker in (node.alerts, *node.deliveries):
        node.register(worker)
    node.register(node.retention_jobs)
    node.register(node.jobs)
    node.register(context.commands)
    node.register(node.own_problems)
    if node.canary is not None:
        node.register(node.canary)


def _recorder(
    context: Context, storage: Storage, pipeline: Pipeline, destinations: Destinations
) -> AlertRecorder:
    return AlertRecorder(
        storage.alerts,
        storage.snapshots,
        destinations.filters,
        clock=context.clock,
        wall=context.wall,
        source=pipeline.capture,
    )


def _fanout(*receivers: Receiver) -> EventFanout:
    fanout = EventFanout()
    for receiver in receivers:
        fanout.add(receiver)
    return fanout


def _optional_receivers(
    context: Context, storage: Storage, destinations: Destinations, clips: ClipMaker | None
) -> Iterator[Receiver]:
    """Of what the configuration may switch off."""
    if storage.journal is not None:
        yield ToJournal(storage.journal, context.clock)
    if destinations.mqtt is not None:
        yield ToMqtt(destinations.mqtt)
    yield from map(ToDescriber, destinations.describers)
    if clips is not None:
        yield ToClips(clips)


def _alerts(
    context: Context,
    storage: Storage,
    pipeline: Pipeline,
    *,
    recorder: AlertRecorder,
    fanout: EventFanout,
) -> AlertsWorker:
    config = context.config
    return AlertsWorker(
        RuleEngine(specs.rule_specs(config), Lexicon.load(config.synonyms)),
        captions=pipeline.caption_queue,
        recorder=recorder,
        memory=storage.alerts.states,
        sampling=pipeline.scheduler,
        events=fanout,
        clock=context.clock,
        wall=context.wall,
        on_failure=context.on_failure,
    )


def _cameras(
    context: Context,
    storage: Storage,
    pipeline: Pipeline,
    destinations: Destinations,
    *,
    alerts: AlertsWorker,
    activity: CameraActivity,
) -> CameraRegistry:
    return CameraRegistry(
        capture=pipeline.capture,
        scheduler=pipeline.scheduler,
        alerts=alerts,
        store=storage.alerts,
        mqtt=destinations.mqtt,
        activity=activity,
        clock=context.clock,
        wall=context.wall,
    )


def _retention(context: Context, storage: Storage, destinations: Destinations) -> RetentionJobs:
    return RetentionJobs(
        context.config,
        store=storage.alerts,
        journal=storage.journal,
        mqtt=destinations.mqtt,
        clock=context.clock,
        wall=context.wall,
    )


def _health(
    context: Context, components: Components, destinations: Destinations, metrics: Metrics
) -> HealthMonitor:
    health = HealthMonitor(components, context.unix_ms)
    health.listen(metrics.problems)
    metrics.read_counters(components.counters)
    if destinations.mqtt is not None:
        health.listen(destinations.mqtt.set_health)
    return health


def _clips(context: Context, storage: Storage, pipeline: Pipeline) -> ClipMaker | None:
    evidence = context.config.snapshots.evidence
    if evidence is None or storage.snapshots is None:
        return None
    from surveil.capture.mp4_writer import Mp4ClipWriter

    return ClipMaker(
        storage.alerts,
        storage.snapshots,
        pipeline.capture,
        Mp4ClipWriter(),
        before_s=evidence.before_s,
        after_s=evidence.after_s,
        clock=context.clock,
        on_failure=context.on_failure,
    )


def _canary(
    context: Context,
    storage: Storage,
    pipeline: Pipeline,
    destinations: Destinations,
    *,
    alerts: AlertsWorker,
    metrics: Metrics,
) -> Canary | None:
    """Its captions go to it, and to no rule."""
    section = context.config.canary
    if not section.enabled:
        return None
    canary = Canary(
        picture=section.picture,
        pattern=section.pattern,
        patience_s=context.config.captioner.deadline_s + CANARY_GRACE_S,
        scheduler=pipeline.scheduler,
        states=storage.alerts.states,
        publish=destinations.mqtt.set_canary if destinations.mqtt else None,
        metrics=metrics,
        clock=context.clock,
        wall=context.wall,
        state_dir=context.config.state_dir,
    )
    alerts.judges[CAMERA_ID] = canary
    return canary
