"""Every way out of the node: MQTT, webhooks, speech; and which alerts take which."""

from __future__ import annotations

from dataclasses import dataclass, field

from surveil.alerts.alert_store import AlertStore
from surveil.alerts.recorder import Destination
from surveil.alerts.snapshots import Snapshots
from surveil.config import specs
from surveil.config.mqtt import Mqtt
from surveil.config.notify import Describe, Speech, Webhook
from surveil.daemon.context import Context
from surveil.delivery.mqtt.mqtt_delivery import MqttDelivery
from surveil.delivery.speech import Describer, EspeakSpeaker, SpeechDelivery
from surveil.delivery.webhook import WebhookDelivery
from surveil.records import MQTT
from surveil.worker import Worker


@dataclass
class Destinations:
    """Workers that are not yet started, and what the alert recorder must know of them."""

    mqtt: MqttDelivery | None = None
    describers: list[Describer] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    filters: list[Destination] = field(default_factory=list)
    """Which alerts wait for whom. Describers are not among them: they speak captions."""

    @property
    def names(self) -> list[str]:
        """As they stand beside a waiting alert: `mqtt`, `webhook:desk` ..."""
        return [each.name for each in self.filters]


def build_destinations(
    context: Context, store: AlertStore, snapshots: Snapshots | None
) -> Destinations:
    config, destinations = context.config, Destinations()
    if config.mqtt is not None:
        destinations.mqtt = _mqtt(context, config.mqtt, store, snapshots)
        destinations.workers.append(destinations.mqtt)
        destinations.filters.append(Destination(MQTT))
    for entry in config.notify:
        if not entry.enabled:
            continue
        name = entry.id or entry.type
        match entry:
            case Webhook():
                destinations.workers.append(_webhook(context, entry, name, store, snapshots))
                destinations.filters.append(specs.destination(entry, f"webhook:{name}"))
            case Speech():
                destinations.workers.append(_speech(context, entry, name, store))
                destinations.filters.append(specs.destination(entry, f"speech:{name}"))
            case Describe():
                describer = _describer(context, entry, name)
                destinations.workers.append(describer)
                destinations.describers.append(describer)
    return destinations


def _mqtt(
    context: Context, section: Mqtt, store: AlertStore, snapshots: Snapshots | None
) -> MqttDelivery:
    return MqttDelivery(
        store,
        store.states,
        specs.mqtt_spec(context.config, section),
        clock=context.clock,
        snapshots=snapshots,
        on_command=context.commands.put,
        on_failure=context.on_failure,
        tz=specs.zone(context.config),
    )


def _webhook(
    context: Context, entry: Webhook, name: str, store: AlertStore, snapshots: Snapshots | None
) -> WebhookDelivery:
    return WebhookDelivery(
        store,
        specs.webhook_spec(context.config, entry, name),
        clock=context.clock,
        snapshots=snapshots,
        on_failure=context.on_failure,
        tz=specs.zone(context.config),
    )


def _speech(context: Context, entry: Speech, name: str, store: AlertStore) -> SpeechDelivery:
    return SpeechDelivery(
        store,
        name,
        EspeakSpeaker(entry.voice, entry.rate_wpm),
        clock=context.clock,
        template=entry.template,
        on_failure=context.on_failure,
    )


def _describer(context: Context, entry: Describe, name: str) -> Describer:
    return Describer(
        EspeakSpeaker(entry.voice, entry.rate_wpm),
        clock=context.clock,
        every_s=entry.every_s,
        cameras=entry.cameras,
        only_changes=entry.only_changes,
        name=f"describe:{name}",
        on_failure=context.on_failure,
    )
