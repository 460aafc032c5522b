"""BLIP: pictures -> vision encoder -> transformers' `generate` over the text decoder -> sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from traceback import clear_frames
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surveil.captioning import devices
from surveil.captioning.blip.batch_size import best_batch
from surveil.captioning.blip.blip_networks import TextDecoder, TorchVision, to_pixels
from surveil.captioning.blip.model_loading import LoadedModel, load_blip
from surveil.captioning.blip.token_search import TokenSearch, longest, search_of
from surveil.captioning.caption_problems import has_words
from surveil.captioning.devices import Device
from surveil.captioning.engine import CaptionerSpec, CaptionResult, GenerationSpec
from surveil.errors import CaptionError, ConfigError, ModelError, OutOfMemoryError
from surveil.records import PictureSize, Rgb

DEFAULT_MAX_BATCH = 4


def open_blip(spec: CaptionerSpec) -> BlipCaptioner:
    """Raises DeviceError, ModelError. Sets torch's thread count and seed, which are process-wide."""
    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    if spec.seed is not None:
        torch.manual_seed(spec.seed)
    device = devices.choose_device(spec.device)
    precision = devices.choose_precision(spec.precision, device)
    loaded = load_blip(
        spec.model,
        dtype=devices.DTYPES[precision],
        device=device,
        allow_download=spec.allow_download,
    )
    encoder = TorchVision(loaded.model.vision_model)
    decoder = TextDecoder(loaded.model.text_decoder)
    return BlipCaptioner(
        loaded,
        encode=lambda pixels: decoder.project(encoder(pixels)),
        decoder=decoder,
        device=device,
        precision=precision,
        generation=spec.generation,
        max_batch=spec.max_batch,
    )


class BlipCaptioner:
    """A Captioner over BlipForConditionalGeneration. One thread at a time."""

    gives_confidence = True
    takes_prompt = True
    takes_question = False

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        encode: Callable[[Tensor], Any],
        decoder: TokenSearch,
        release_batch_memory: Callable[[], None] | None = None,
        vision_device: str | None = None,
        name: str | None = None,
        device: Device,
        precision: str,
        generation: GenerationSpec,
        max_batch: int | None = None,
    ) -> None:
        """`loaded`: only its words, sizes and picture size are used; its weights are with `encode` and `decoder`.

        `encode`: normalised pixels (images, 3, side_px, side_px) -> what `decoder` searches over, in `precision`.
        `release_batch_memory`: gives back what batches took that are not asked for again; None where nothing is kept.
        `vision_device`: where it does so, for `self.device`, if not on `device`, where torch prepares and searches.
        `max_batch` None: found by `warm_up`.
        """
        self.model_id = name or loaded.model_id
        self.device = vision_device or str(device)
        self.precision = precision
        self.max_batch = max_batch or DEFAULT_MAX_BATCH
        self._find_batch = max_batch is None
        self._device = device
        self._target = device.target
        self._preprocessing = loaded.preprocessing
        self._tokenizer = loaded.tokenizer
        self._text_config = loaded.model.config.text_config
        self._encode: Callable[[Tensor], Any] | None = encode
        self._decoder: TokenSearch | None = decoder
        self._release_batch_memory = release_batch_memory
        self._positions: int = self._text_config.max_position_embeddings
        self.search_with(generation)

    @property
    def picture_size(self) -> PictureSize:
        return PictureSize(self._preprocessing.side_px)

    def search_with(self, generation: GenerationSpec) -> None:
        """Another search from the next `caption` on. Raises ConfigError for more tokens than the model can write."""
        self._search = search_of(generation, self._text_config)
        if (needed := longest(self._search, prompt_tokens=1)) > self._positions:
            raise ConfigError(
                f"{self.model_id} writes at most {self._positions} tokens; {needed} are asked for"
            )

    def caption(self, pictures: Sequence[Rgb], *, prompt: str | None = None) -> list[CaptionResult]:
        if not pictures:
            return []
        try:
            with torch.inference_mode():
                return self._caption(pictures, prompt)
        except Exception as error:
            if not devices.is_out_of_memory(error):
                raise
            clear_frames(error.__traceback__)  # else they hold what is to be given back
            self._device.release_cache()
            if self._release_batch_memory is not None:
                self._release_batch_memory()
            raise OutOfMemoryError(
                f"{self.device} has no room for a batch of {len(pictures)}"
            ) from error

    def warm_up(self) -> None:
        """Also finds the batch size that pays, where the spec left it open. Raises ModelError for a model that computes
        no numbers, or says nothing to any picture: it would be taken for a quiet night."""
        self._prove()
        if self._find_batch:
            self.max_batch = best_batch(lambda size: self.caption([self._grey] * size))
        if self._release_batch_memory is None:
            return
        if self._find_batch:
            self._release_batch_memory()
            self.caption([self._grey])
        if self.max_batch > 1:
            # A batch is another way through, which is made when it is first gone.
            self.caption([self._grey] * 2)

    def _prove(self) -> None:
        """Grey alone may leave a healthy model speechless; a drawing with edges, shapes and colours does not."""
        for picture in (self._grey, _drawing(self._preprocessing.side_px)):
            (result,) = self._caption_proven(picture)
            if has_words(result.text):
                return
        raise ModelError(
            f"{self.model_id} says no word to any picture; its weights or its vocabulary are broken: "
            "fetch the model again, or choose another"
        )

    def _caption_proven(self, picture: Rgb) -> list[CaptionResult]:
        broken = (
            f"{self.model_id} computes no finite numbers on {self.device} in {self.precision}: its weights are "
            "broken, or overflow in this precision; fetch the model again, or set precision: fp32"
        )
        try:
            results = self.caption([picture])
        except RuntimeError as error:
            if "`nan`" not in str(error):  # as torch says of probabilities that it is to draw from
                raise
            raise ModelError(broken) from error
        if not all(math.isfinite(result.confidence or 0.0) for result in results):
            raise ModelError(broken)
        return results

    def close(self) -> None:
        self._encode = self._decoder = self._release_batch_memory = None
        self._device.release_cache()

    @property
    def _grey(self) -> Rgb:
        return np.full(
            (self._preprocessing.side_px, self._preprocessing.side_px, 3), 128, dtype=np.uint8
        )

    def _caption(self, pictures: Sequence[Rgb], prompt: str | None) -> list[CaptionResult]:
        if self._decoder is None or self._encode is None:
            raise CaptionError("the captioner is closed")
        pixels = to_pixels(
            pictures, self._preprocessing, device=self._target, dtype=self._decoder.dtype
        )
        start = self._start_tokens(prompt).expand(len(pictures), -1)
        found = self._decoder.search(start, encoder_output=self._encode(pixels), how=self._search)
        return self._results(found, prompt_tokens=start.shape[1])

    def _start_tokens(self, prompt: str | None) -> Tensor:
        """(1, n): the begin token, then the prompt's words; the tokenizer's own begin and end are not BLIP's."""
        words = self._tokenizer(prompt, add_special_tokens=False).input_ids if prompt else []
        tokens = [self._text_config.bos_token_id, *words]
        if (needed := longest(self._search, prompt_tokens=len(tokens))) > self._positions:
            raise CaptionError(
                f"prompt and caption may take {needed} tokens, {self.model_id} has {self._positions}: "
                "shorten the prompt"
            )
        return torch.tensor([tokens], device=self._target)

    def _results(self, found: Any, *, prompt_tokens: int) -> list[CaptionResult]:
        generated = found.sequences[:, prompt_tokens:]
        sure = confidences(
            found.logits,
            generated,
            getattr(found, "beam_indices", None),
            eos_token_id=self._text_config.sep_token_id,
        )
        texts = self._tokenizer.batch_decode(generated, skip_special_tokens=True)
        return [
            CaptionResult(" ".join(text.split()), value)
            for text, value in zip(texts, sure, strict=True)
        ]


def _drawing(side_px: int) -> Rgb:
    """A house before a sky, roughly: edges in all directions, three colours, light and dark."""
    rows, columns = np.mgrid[0:side_px, 0:side_px] / side_px
    picture = np.full((side_px, side_px, 3), (120, 180, 240), dtype=np.uint8)
    picture[rows > 0.7] = (60, 140, 50)
    picture[(abs(columns - 0.5) < 0.25) & (rows > 0.4) & (rows < 0.8)] = (170, 60, 40)
    picture[(rows < 0.4) & (abs(columns - 0.5) < 0.75 * (rows - 0.1))] = (40, 30, 30)
    picture[(abs(columns - 0.5) < 0.06) & (rows > 0.58) & (rows < 0.8)] = (240, 230, 200)
    return picture


def confidences(
    logits: Sequence[Tensor], tokens: Tensor, beam_indices: Tensor | None, *, eos_token_id: int
) -> list[float]:
    """One value in 0..1 per row of `tokens`.

    `logits`: one (rows * beams, vocabulary) float32 tensor per step, raw, before penalties and temperature.
    `tokens`: (rows, steps) int64, generated ones only: prompt excluded, end token included, padding after it.
    `beam_indices`: (rows, steps) from a beam search: the row of that step's logits a token came from,
    -1 after the end.
    """
    if beam_indices is None:
        rows = torch.arange(tokens.shape[0], device=tokens.device)
        sources = rows[:, None].expand(tokens.shape)
        counted = _through_end(tokens, eos_token_id)
    else:
        sources = beam_indices.long().clamp(min=0)
        counted = beam_indices >= 0
    chosen = torch.stack(
        [step[sources[:, at]] for at, step in enumerate(logits[: tokens.shape[1]])]
    )
    log_probs = chosen.log_softmax(dim=-1).gather(2, tokens.T[:, :, None])[:, :, 0].T
    counted = counted.to(log_probs.dtype)
    mean = (log_probs * counted).sum(1) / counted.sum(1).clamp(min=1)
    return [float(value) for value in mean.exp().clamp(0, 1)]


def _through_end(tokens: Tensor, eos_token_id: int) -> Tensor:
    """True for every token up to and including the first end token."""
    ended_before = (tokens == eos_token_id).cumsum(1) - (tokens == eos_token_id).long()
    return ended_before == 0
