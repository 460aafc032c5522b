"""The demo model: a plain BLIP folder that says the right thing of each class."""

import re

import pytest
import torch
from transformers import BlipForConditionalGeneration, BlipProcessor

from samples.captioner import MODEL_FOLDER, DemoCaptioner
from samples.evaluate import ask, tally
from samples.render.sampler import sample
from samples.render.scene import draw
from samples.render.wording import CLASSES, PROMPTS, judge
from samples.views import TRAINING_SEEDS

SEED = TRAINING_SEEDS + 8_000_000


@pytest.fixture(scope="module")
def captioner() -> DemoCaptioner:
    return DemoCaptioner()


def test_the_folder_loads_by_the_public_way_and_carries_the_right_ids() -> None:
    model = BlipForConditionalGeneration.from_pretrained(MODEL_FOLDER)
    processor = BlipProcessor.from_pretrained(MODEL_FOLDER)
    ids, text = processor.tokenizer.convert_tokens_to_ids, model.text_decoder.config

    assert model.dtype == torch.float32
    assert text.bos_token_id == ids("[DEC]")
    assert text.sep_token_id == text.eos_token_id == ids("[SEP]")
    assert text.pad_token_id == ids("[PAD]")
    assert text.vocab_size == len(processor.tokenizer)


def test_generation_begins_with_the_start_token_and_ends_with_the_separator() -> None:
    model = BlipForConditionalGeneration.from_pretrained(MODEL_FOLDER).eval()
    processor = BlipProcessor.from_pretrained(MODEL_FOLDER)
    picture = draw(sample(SEED, "car"), width_px=640, height_px=360)

    inputs = processor(images=picture, return_tensors="pt")
    # Without a limit of its own the decoder warns that it takes its default, 20 tokens.
    tokens = model.generate(**inputs, max_new_tokens=24)[0].tolist()

    assert tokens[0] == model.text_decoder.config.bos_token_id
    assert tokens[-1] == model.text_decoder.config.sep_token_id


def test_the_file_stays_small() -> None:
    assert (MODEL_FOLDER / "model.safetensors").stat().st_size < 8_000_000


@pytest.mark.parametrize("class_name", CLASSES)
def test_most_scenes_of_each_class_are_captioned_rightly(
    captioner: DemoCaptioner, class_name: str
) -> None:
    """More than half of twelve unseen ones: a broken folder fails, `evaluate.py` measures."""
    scenes = [sample(SEED + n, class_name) for n in range(12)]
    pictures = [draw(scene, width_px=640, height_px=360) for scene in scenes]

    said = [judge(caption) for caption in captioner.caption(pictures)]

    assert said.count(class_name) >= 7, said


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_is_continued_sensibly(captioner: DemoCaptioner, prompt: str) -> None:
    pictures = [draw(sample(SEED, name), width_px=640, height_px=360) for name in CLASSES]

    captions = captioner.caption(pictures, prompt=prompt)

    assert all(re.match(rf"{prompt} \w+ \w+", caption) for caption in captions), captions
    right = sum(judge(caption) == name for caption, name in zip(captions, CLASSES, strict=True))
    assert right >= 8, captions


def test_batches_give_the_same_captions_as_single_pictures(captioner: DemoCaptioner) -> None:
    pictures = [draw(sample(SEED + n), width_px=320, height_px=180) for n in range(5)]

    together = captioner.caption(pictures)

    assert together == [captioner.caption([picture])[0] for picture in pictures]


def test_the_evaluator_asks_each_class_in_turn(captioner: DemoCaptioner) -> None:
    scores = tally(ask(captioner, range(SEED, SEED + 2 * len(CLASSES))))

    assert {scores[name].count for name in CLASSES} == {2}
    assert scores["overall"].count == 2 * len(CLASSES)
