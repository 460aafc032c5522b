"""Pictures become sentences.

Importing this package imports no model library; `open_captioner` does, once it is known which engine is wanted.
"""

from surveil.captioning.captions_worker import (
    CaptionerStats,
    CaptionSink,
    CaptionsWorker,
    Pulled,
    SampleSource,
    yield_to_capture,
)
from surveil.captioning.engine import (
    PRECISIONS,
    Captioner,
    CaptionerSpec,
    CaptionResult,
    GenerationSpec,
    generation_problems,
)
from surveil.captioning.registry import (
    EngineKind,
    clamped_settings,
    engine,
    engine_names,
    open_captioner,
    plain_spec,
)

__all__ = [
    "PRECISIONS",
    "CaptionResult",
    "CaptionSink",
    "Captioner",
    "CaptionerSpec",
    "CaptionerStats",
    "CaptionsWorker",
    "EngineKind",
    "GenerationSpec",
    "Pulled",
    "SampleSource",
    "clamped_settings",
    "engine",
    "engine_names",
    "generation_problems",
    "open_captioner",
    "plain_spec",
    "yield_to_capture",
]
