"""Every way out of the house: MQTT, webhooks, speech; and which alerts take which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.recorder import Destination
from surveil.alerts.snapshots import Snapshots
from surveil.clock import Clock, WallTime
from surveil.config import Config
from surveil.config.notify import Describe, Speech, Webhook
from surveil.daemon import wiring
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.mqtt.topics import Command
from surveil.delivery.speech import Describer, EspeakSpeaker, SpeechDelivery
from surveil.delivery.webhook import WebhookDelivery, WebhookSpec
from surveil.records import MQTT
from surveil.worker import Worker, WorkerFailed


@dataclass
class Destinations:
    """Workers not yet started, and the routes that the desk needs."""

    mqtt: MqttDelivery | None = None
    describers: list[Describer] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    routes: list[Destination] = field(default_factory=list)

    @property
    def destinations(self) -> list[str]:
        return [route.name for route in self.routes]


@dataclass(frozen=True)
class DestinationBuilder:
    """What all outlets are made from."""

    config: Config
    store: AlertStore
    snapshots: Snapshots | None
    clock: Clock
    wall: WallTime
    on_command: Callable[[Command], None]
    on_failure: WorkerFailed

    def build(self) -> Destinations:
        destinations = Destinations()
        if self.config.mqtt is not None:
            destinations.mqtt = self._mqtt()
            destinations.workers.append(destinations.mqtt)
            destinations.routes.append(Destination(MQTT))
        for entry in self.config.notify:
            if entry.enabled:
                self._add(destinations, entry)
        return destinations

    def _add(self, destinations: Destinations, entry: Webhook | Speech | Describe) -> None:
        name = entry.id or entry.type
        match entry:
            case Webhook():
                destinations.workers.append(self._webhook(entry, name))
                destinations.routes.append(wiring.route(entry, f"webhook:{name}"))
            case Speech():
                destinations.workers.append(self._speech(entry, name))
                destinations.routes.append(wiring.route(entry, f"speech:{name}"))
            case Describe():
                describer = self._describer(entry, name)
                destinations.workers.append(describer)
                destinations.describers.append(describer)

    def _mqtt(self) -> MqttDelivery:
        assert self.config.mqtt is not None
        return MqttDelivery(
            self.store,
            self.store.states,
            wiring.mqtt_spec(self.config, self.config.mqtt),
            clock=self.clock,
            snapshots=self.snapshots,
            on_command=self.on_command,
            on_failure=self.on_failure,
            tz=wiring.zone(self.config),
        )

    def _webhook(self, entry: Webhook, name: str) -> WebhookDelivery:
        spec = WebhookSpec(
            url=entry.url.get_secret_value(),
            node=self.config.node,
            name=name,
            secret=entry.secret.get_secret_value() if entry.secret else None,
            timeout_s=entry.timeout_s,
            snapshot=entry.snapshot,
        )
        return WebhookDelivery(
            self.store,
            spec,
            clock=self.clock,
            snapshots=self.snapshots,
            on_failure=self.on_failure,
            tz=wiring.zone(self.config),
        )

    def _speech(self, entry: Speech, name: str) -> SpeechDelivery:
        return SpeechDelivery(
            self.store,
            name,
            EspeakSpeaker(entry.voice, entry.rate_wpm),
            clock=self.clock,
            wall=self.wall,
            template=entry.template,
            on_failure=self.on_failure,
        )

    def _describer(self, entry: Describe, name: str) -> Describer:
        return Describer(
            EspeakSpeaker(entry.voice, entry.rate_wpm),
            clock=self.clock,
            every_s=entry.every_s,
            cameras=entry.cameras,
            only_changes=entry.only_changes,
            name=name,
            on_failure=self.on_failure,
        )
