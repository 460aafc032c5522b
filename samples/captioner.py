"""Captions pictures with a model folder, in the plain way transformers documents.

Only for the evaluator and the clip check: the service has its own captioning room.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

from samples.render.canvas import Pixels

MODEL_FOLDER = Path(__file__).parent / "model"
_MAX_NEW_TOKENS = 24


class DemoCaptioner:
    """Greedy captions of RGB pictures. Not thread-safe."""

    def __init__(self, folder: Path = MODEL_FOLDER) -> None:
        self._processor = BlipProcessor.from_pretrained(folder)
        self._model = BlipForConditionalGeneration.from_pretrained(folder).eval()

    def caption(self, pictures: Sequence[Pixels], *, prompt: str = "") -> list[str]:
        """One caption for each picture (height, width, 3), the prompt included if there is one."""
        inputs = self._processor(
            images=[Image.fromarray(picture) for picture in pictures],
            text=[prompt] * len(pictures) if prompt else None,
            return_tensors="pt",
        )
        with torch.inference_mode():
            output = self._model.generate(
                **inputs, max_new_tokens=_MAX_NEW_TOKENS, num_beams=1, do_sample=False
            )
        return [
            str(text) for text in self._processor.batch_decode(output, skip_special_tokens=True)
        ]
