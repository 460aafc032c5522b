"""Pictures become sentences.

Importing this package imports no model library; `open_captioner` does, once it is known which engine is wanted.
"""

from surveil.captioning.captions_worker import (
    CaptionerStats,
    CaptionerWorker,
    CaptionSink,
    Pulled,
    SampleSource,
)
from surveil.captioning.engine import (
    ENGINES,
    PRECISIONS,
    Captioner,
    CaptionerSpec,
    CaptionResult,
    GenerationSpec,
    RemoteSpec,
    generation_problems,
)
from surveil.captioning.registry import open_captioner

__all__ = [
    "ENGINES",
    "PRECISIONS",
    "CaptionResult",
    "CaptionSink",
    "Captioner",
    "CaptionerSpec",
    "CaptionerStats",
    "CaptionerWorker",
    "GenerationSpec",
    "Pulled",
    "RemoteSpec",
    "SampleSource",
    "generation_problems",
    "open_captioner",
]
