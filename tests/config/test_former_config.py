"""A configuration of version 0.1.0, with every option on, goes on being accepted and meaning what it meant.

tests/former/config-full.json is what 0.1.0 itself made of tests/former/config-full.yaml. New keys may come beside.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from surveil.config import load_config

FORMER = Path(__file__).parents[1] / "former"
ENVIRON = {
    "YARD_CAMERA": "192.0.2.11",
    "MQTT_PASSWORD": "mq",
    "WEBHOOK_SECRET": "wh",
    "MQTT_HOST": "broker.example",
}
FILES = (
    "entrance-password",
    "http-token",
    "vision-api-key",
    "ca.pem",
    "edge-01.pem",
    "edge-01.key",
)


def differences(former: Any, now: Any, where: str = "") -> list[str]:
    """Where `now` lacks or contradicts something that `former` says."""
    if isinstance(former, dict):
        found = [f"{where}.{key} is gone" for key in former if key not in now]
        for key in former.keys() & now.keys():
            found += differences(former[key], now[key], f"{where}.{key}")
        return found
    if isinstance(former, list) and isinstance(now, list) and len(former) == len(now):
        return [d for i in range(len(now)) for d in differences(former[i], now[i], f"{where}[{i}]")]
    return [] if former == now else [f"{where} was {former!r}, is {now!r}"]


def test_every_value_is_what_it_was(tmp_path: Path) -> None:
    shutil.copy(FORMER / "config-full.yaml", tmp_path / "config.yaml")
    for name in FILES:
        (tmp_path / name).write_text(f"secret-of-{name}\n")
    config = load_config(tmp_path / "config.yaml", environ=ENVIRON)
    text = (FORMER / "config-full.json").read_text(encoding="utf-8")
    former = json.loads(text.replace("{folder}", str(tmp_path)))
    assert differences(former, json.loads(config.model_dump_json())) == []
