"""What a valid configuration amounts to, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from surveil.config.cameras import Camera
from surveil.config.captioner import Engine
from surveil.config.load import Reading
from surveil.config.model import Config
from surveil.config.rules import DAYS, Day, Rule, Window
from surveil.scalars import format_duration, format_size

_INDENT = 2
_LABEL = 11


def summary(reading: Reading, *, warnings: int) -> Iterator[str]:
    """Holds no credential: addresses are shown without them."""
    config = reading.config
    told = f", {warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
    yield f"{reading.file}: valid{told}"
    yield _line("node", f"{config.node}, time zone {config.timezone}")
    yield _line("captioner", _engine(config.captioner))
    if config.captioner.fallback is not None:
        yield _line("fallback", _engine(config.captioner.fallback))
    yield from _group("cameras", [_camera(config, camera) for camera in config.cameras])
    yield from _group("rules", [_rule(rule) for rule in config.rules])
    yield from _group("alerts to", list(_destinations(config)))
    yield _line("on disk", _disk(config))
    yield _line("http", config.http.listen)


def _line(label: str, text: str) -> str:
    return f"{' ' * _INDENT}{label:<{_LABEL}}{text}"


def _group(label: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    """The count, then one aligned line each."""
    yield _line(label, str(len(rows)) if rows else "none")
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        yield _line("", f"{name:<{width}}  {text}")


def _engine(engine: Engine) -> str:
    if not engine.kind.loads_model:
        return f"{engine.engine}, {engine.source}"
    beams = engine.generation.num_beams
    search = f"{beams} beams" if beams > 1 else "greedy"
    return f"{engine.engine}, {engine.model} on {', '.join(engine.devices)}, precision {engine.precision}, {search}"


def _camera(config: Config, camera: Camera) -> tuple[str, str]:
    merged = config.sampling_of(camera)
    often = f"every {format_duration(merged.interval_s)}, at least every {format_duration(merged.max_interval_s)}"
    return camera.id, f"{camera.address}  {often}" + ("" if camera.enabled else "  (not enabled)")


def _rule(rule: Rule) -> tuple[str, str]:
    parts = [rule.severity.value, _asserts(rule)]
    parts.append(f"on {', '.join(rule.cameras)}" if rule.cameras else "on all cameras")
    if rule.schedule:
        parts.append("; ".join(_window(window) for window in rule.schedule))
    return rule.rule_id, "  ".join(parts) + ("" if rule.enabled else "  (not enabled)")


def _asserts(rule: Rule) -> str:
    any_of = [f'"{phrase}"' for phrase in rule.patterns] + [f"/{regex}/" for regex in rule.regex]
    text = " or ".join(any_of)
    text += "".join(
        f'{" and " if text or index else ""}"{phrase}"' for index, phrase in enumerate(rule.all_of)
    )
    return text + "".join(f' unless "{phrase}"' for phrase in rule.unless)


def _window(window: Window) -> str:
    end = f"{window.to_time:%H:%M}" if window.to_time.hour or window.to_time.minute else "24:00"
    return f"{_days(window.days)} {window.from_time:%H:%M}-{end}"


def _days(days: tuple[Day, ...]) -> str:
    """`daily`, `mon-fri`, or one by one."""
    if days == DAYS:
        return "daily"
    start = DAYS.index(days[0])
    in_a_row = len(days) > 2 and days == DAYS[start : start + len(days)]
    return f"{days[0]}-{days[-1]}" if in_a_row else ",".join(days)


def _destinations(config: Config) -> Iterator[tuple[str, str]]:
    mqtt = config.mqtt
    if mqtt is not None:
        secured = ", TLS" if mqtt.tls is not None else ""
        home = ", Home Assistant" if mqtt.homeassistant.enabled else ""
        yield (
            "mqtt",
            f"{mqtt.host}:{mqtt.port_or_default}{secured}, {config.topic_prefix}/...{home}",
        )
    for entry in config.notify:
        yield entry.id or entry.type, entry.type + ("" if entry.enabled else "  (not enabled)")


def _disk(config: Config) -> str:
    if not config.snapshots.enabled:
        return f"{config.state_dir}, no pictures"
    limits = config.snapshots.retention
    age, most = format_duration(limits.max_age_s), format_size(limits.max_bytes)
    return f"{config.state_dir}; pictures in {config.snapshots_dir} for {age}, at most {most}"
