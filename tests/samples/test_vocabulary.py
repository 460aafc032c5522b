"""The vocabulary: BERT's layout, every caption in whole words, no text it cannot write."""

import random

import pytest

from samples.render.sampler import sample
from samples.render.wording import PROMPTS
from samples.train import encode
from samples.vocabulary import SPECIAL, build_vocabulary, make_tokenizer


def test_special_tokens_come_first_and_nothing_is_twice() -> None:
    vocabulary = build_vocabulary()

    assert tuple(vocabulary[: len(SPECIAL)]) == SPECIAL
    assert len(vocabulary) == len(set(vocabulary))
    assert len(vocabulary) == len(make_tokenizer())


def test_captions_and_prompts_survive_the_round_trip_word_for_word() -> None:
    tokenizer = make_tokenizer()
    texts = {caption for seed in range(800) for caption in sample(seed).captions} | set(PROMPTS)

    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text
        assert len(ids) == len(text.split()), f"{text!r} is not in whole words"


@pytest.mark.parametrize("text", ["a zebra at 3.45", "surveil", "l'homme"])
def test_any_lower_case_text_is_tokenised_without_unknowns(text: str) -> None:
    tokenizer = make_tokenizer()

    assert tokenizer.unk_token_id not in tokenizer.encode(text)


def test_training_rows_are_what_generate_will_see() -> None:
    """[DEC] (prompt) caption [SEP], and neither [DEC], prompt nor padding is learnt."""
    tokenizer, rng = make_tokenizer(), random.Random(0)
    captions = ["a man walking across a yard", "there is a broken window in a brick wall"] * 40

    ids, labels = encode(captions, tokenizer, rng)

    assert set(ids[:, 0].tolist()) == {tokenizer.bos_token_id}
    prompted = 0
    for row, aims, caption in zip(ids.tolist(), labels.tolist(), captions, strict=True):
        learnt = str(tokenizer.decode([aim for aim in aims if aim != -100]))
        assert learnt in {f"{caption} [SEP]", f"{caption.removeprefix('there is ')} [SEP]"}
        written = str(tokenizer.decode(row, skip_special_tokens=True))
        assert written.endswith(learnt.removesuffix(" [SEP]"))
        prompted += not learnt.startswith(written)
    assert 0 < prompted < 40
