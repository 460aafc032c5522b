"""Pictures become sentences.

Importing this package imports no model library; `open_captioner` does, once it is known which engine is wanted.
"""

from surveil.captioning.captions_worker import (
    CaptionerStats,
    CaptionerWorker,
    CaptionSink,
    LookSource,
    Pulled,
)
from surveil.captioning.engine import (
    ENGINES,
    PRECISIONS,
    Captioner,
    CaptionerSpec,
    GenerationSpec,
    RemoteSpec,
    Said,
    generation_problems,
)
from surveil.captioning.registry import open_captioner

__all__ = [
    "ENGINES",
    "PRECISIONS",
    "CaptionSink",
    "Captioner",
    "CaptionerSpec",
    "CaptionerStats",
    "CaptionerWorker",
    "GenerationSpec",
    "LookSource",
    "Pulled",
    "RemoteSpec",
    "Said",
    "generation_problems",
    "open_captioner",
]
