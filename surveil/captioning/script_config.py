"""The script engine, as the configuration knows it. Imports nothing of the engine."""

from surveil.captioning.registry import EngineKind, OwnKey, register
from surveil.fields import RelativePath

NAME = "script"

register(
    EngineKind(
        name=NAME,
        does="read a file",
        opener="surveil.captioning.script_engine:open_script",
        gives_confidence=True,
        own_key=OwnKey(
            RelativePath,
            f"JSON lines with captions, with engine {NAME}: for drills and load tests.",
            shown=str,
            examples=("drill.jsonl",),
            or_model=True,
        ),
    )
)
