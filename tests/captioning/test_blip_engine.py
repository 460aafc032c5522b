"""The BLIP engine against transformers' own untouched path."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoTokenizer,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
)

from surveil.captioning import (
    CaptionerSpec,
    CaptionResult,
    GenerationSpec,
    open_captioner,
)
from surveil.captioning.blip.blip_engine import BlipCaptioner
from surveil.errors import CaptionError, ConfigError, ModelError, OutOfMemoryError
from surveil.records import PictureSize, Rgb
from tests.captioning.blips import SEP, noise_pictures, random_blip, save_blip, tiny_config


def plain_captions(
    folder: Path, pictures: list[Rgb], prompt: str | None, **search: object
) -> list[str]:
    """What a script around transformers would print, with the prompt cut off by hand."""
    model = BlipForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = BlipProcessor(BlipImageProcessorPil.from_pretrained(folder), tokenizer)
    texts = [prompt] * len(pictures) if prompt else None
    inputs = processor(images=pictures, text=texts, return_tensors="pt")
    found = model.generate(**inputs, **search)
    start = 1 + (len(tokenizer(prompt, add_special_tokens=False).input_ids) if prompt else 0)
    return [
        " ".join(text.split())
        for text in tokenizer.batch_decode(found[:, start:], skip_special_tokens=True)
    ]


def opened(folder: Path, **search: object) -> BlipCaptioner:
    spec = CaptionerSpec(
        model=str(folder),
        device="cpu",
        precision="fp32",
        generation=GenerationSpec(**search),  # type: ignore[arg-type]
    )
    captioner = open_captioner(spec)
    assert isinstance(captioner, BlipCaptioner)
    return captioner


@pytest.mark.parametrize("prompt", [None, "a picture of"])
@pytest.mark.parametrize("num_beams", [1, 3])
def test_says_what_transformers_says(tiny_model: Path, prompt: str | None, num_beams: int) -> None:
    """Same model, same pictures at odd sizes: the same sentences, prompt removed."""
    pictures = [np.ascontiguousarray(p[:40, :50]) for p in noise_pictures(5, 64)]

    said = opened(tiny_model, num_beams=num_beams, max_new_tokens=9).caption(
        pictures, prompt=prompt
    )

    expected = plain_captions(tiny_model, pictures, prompt, num_beams=num_beams, max_new_tokens=9)
    assert [answer.text for answer in said] == expected
    assert len(set(expected)) > 1, "the random model says one thing only: the test proves nothing"


def test_a_batch_says_what_single_pictures_say(tiny_model: Path) -> None:
    captioner = opened(tiny_model, max_new_tokens=9)
    pictures = noise_pictures(4, 32)

    together = captioner.caption(pictures)
    alone = [captioner.caption([picture])[0] for picture in pictures]

    assert [said.text for said in together] == [said.text for said in alone]
    assert [said.confidence for said in together] == pytest.approx(
        [said.confidence for said in alone], abs=1e-5
    )


def test_no_pictures_no_captions(tiny_model: Path) -> None:
    assert opened(tiny_model).caption([]) == []


def test_the_model_is_named_after_its_folder(tiny_model: Path) -> None:
    captioner = opened(tiny_model)
    assert (captioner.model_id, captioner.device, captioner.precision) == (
        "tiny-blip",
        "cpu",
        "fp32",
    )
    assert captioner.picture_size == PictureSize(32)


def test_a_closed_captioner_refuses(tiny_model: Path) -> None:
    captioner = opened(tiny_model)
    captioner.warm_up()
    captioner.close()
    with pytest.raises(CaptionError, match="closed"):
        captioner.caption(noise_pictures(1, 32))


def test_a_prompt_that_leaves_no_room_is_told(tiny_model: Path) -> None:
    """The tiny model has 48 places; without the check the position table would be read past its end."""
    captioner = opened(tiny_model, max_new_tokens=20)
    with pytest.raises(CaptionError, match=r"may take 61 tokens, tiny-blip has 48: shorten"):
        captioner.caption(noise_pictures(1, 32), prompt="dog " * 40)
    with pytest.raises(ConfigError, match="writes at most 48 tokens; 101 are asked for"):
        opened(tiny_model, max_new_tokens=100)


def test_a_full_memory_is_told_as_such(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's out-of-memory leaves the room as ours, so that the worker can halve the batch."""
    captioner = opened(tiny_model)

    def full(*args: object, **kwargs: object) -> list[CaptionResult]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(captioner, "_caption", full)
    with pytest.raises(OutOfMemoryError, match="no room for a batch of 2"):
        captioner.caption(noise_pictures(2, 32))


def teacher_forced(folder: Path, picture: Rgb, sequence: list[int], prompt_tokens: int) -> float:
    """exp(mean log-probability) of a whole sequence by one pass over it: an independent way to the same number."""
    model = BlipForConditionalGeneration.from_pretrained(folder).eval()
    pixels = BlipImageProcessorPil.from_pretrained(folder)(
        picture, return_tensors="pt"
    ).pixel_values
    tokens = torch.tensor([sequence])
    with torch.no_grad():
        encoder_output = model.vision_model(pixels).last_hidden_state
        logits = model.text_decoder(tokens, encoder_hidden_states=encoder_output).logits[0]
    chosen = logits.log_softmax(-1)[:-1].gather(1, tokens[0, 1:, None])[:, 0]
    return float(chosen[prompt_tokens - 1 :].mean().exp())


@pytest.mark.parametrize("prompt", [None, "a picture of"])
@pytest.mark.parametrize(
    "search",
    [
        {"num_beams": 1},
        {"num_beams": 1, "repetition_penalty": 1.7},
        {"num_beams": 3},
        {"num_beams": 4, "repetition_penalty": 1.7, "no_repeat_ngram_size": 2},
        {"num_beams": 3, "length_penalty": 2.0, "min_new_tokens": 6},
        {"num_beams": 1, "do_sample": True, "temperature": 2.0},
    ],
    ids=str,
)
def test_confidence_is_the_mean_token_log_probability(
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    prompt: str | None,
    search: dict[str, object],
) -> None:
    """Raw logits of the chosen beam, before penalties; prompt excluded, end token included."""
    captioner = opened(tiny_model, max_new_tokens=10, **search)
    kept: list[tuple[list[list[int]], int]] = []
    say = captioner._results

    def keep(found: object, *, prompt_tokens: int) -> list[CaptionResult]:
        kept.append((found.sequences.tolist(), prompt_tokens))  # type: ignore[attr-defined]
        return say(found, prompt_tokens=prompt_tokens)

    monkeypatch.setattr(captioner, "_results", keep)
    pictures = noise_pictures(6, 32)
    said = captioner.caption(pictures, prompt=prompt)

    sequences, prompt_tokens = kept[0]
    for picture, answer, sequence in zip(pictures, said, sequences, strict=True):
        real = sequence[: sequence.index(SEP) + 1] if SEP in sequence else sequence
        expected = teacher_forced(tiny_model, picture, real, prompt_tokens)
        assert answer.confidence == pytest.approx(expected, abs=1e-5)
    ended = [SEP in sequence for sequence in sequences]
    assert any(ended) or search.get("do_sample"), "no sentence ended: half the rule untested"


def _broken(model: Any, place: str, value: float) -> None:
    part = {
        "vision": lambda: model.vision_model.encoder.layers[0].mlp.fc1.weight,
        "text": lambda: model.text_decoder.bert.encoder.layer[0].output.dense.weight,
        "one word": lambda: model.text_decoder.cls.predictions.decoder.bias[7],
    }[place]()
    with torch.no_grad():
        part.fill_(value)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize("do_sample", [False, True])
@pytest.mark.parametrize(
    ("place", "value"), [("vision", math.nan), ("text", math.nan), ("one word", math.inf)]
)
def test_a_model_that_computes_no_numbers_does_not_start(
    tmp_path: Path, *, engine: str, place: str, value: float, do_sample: bool
) -> None:
    """Weights that are not finite gave captions of noise, or none, and a daemon in the best of health."""
    model = random_blip(tiny_config())
    _broken(model, place, value)
    spec = CaptionerSpec(
        model=str(save_blip(model, tmp_path / "nan")),
        engine=engine,
        device="cpu",
        generation=GenerationSpec(num_beams=1, do_sample=do_sample),
    )
    captioner = open_captioner(spec)
    with pytest.raises(ModelError, match=r"computes no finite numbers .* fetch the model again"):
        captioner.warm_up()
    assert ModelError.exit_code == 3


def test_a_model_that_says_no_word_to_any_picture_does_not_start(tmp_path: Path) -> None:
    model = random_blip(tiny_config(), end_bias=100.0)
    captioner = open_captioner(
        CaptionerSpec(model=str(save_blip(model, tmp_path / "mute")), device="cpu")
    )
    with pytest.raises(ModelError, match="says no word to any picture"):
        captioner.warm_up()


def test_a_model_that_only_grey_leaves_speechless_starts(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner = open_captioner(CaptionerSpec(model=str(tiny_model), device="cpu", max_batch=1))
    seen: list[Any] = []

    def caption(pictures: Any, *, prompt: str | None = None) -> list[CaptionResult]:
        seen.extend(pictures)
        return [
            CaptionResult("" if np.ptp(picture) == 0 else "a house", 0.5) for picture in pictures
        ]

    monkeypatch.setattr(captioner, "caption", caption)
    captioner.warm_up()
    assert len(seen) == 2
    assert {picture.shape for picture in seen} == {(32, 32, 3)}
