"""Builds the demo model's WordPiece vocabulary from the renderer's own language.

The layout is BERT's, as the published BLIP models have it: special tokens, then whole words by
frequency, then single characters with and without the continuation mark, so that any lower-case text
is tokenised without [UNK].
"""

from collections import Counter

from transformers import BertTokenizer

from samples.render.wording import every_wording

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]")
_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,'-"


def build_vocabulary() -> list[str]:
    """All tokens; a token's place in the list is its id."""
    counts: Counter[str] = Counter()
    for wording in every_wording():
        counts.update(word for word in wording.split() if "{" not in word)
    words = sorted(
        (word for word in counts if len(word) > 1), key=lambda word: (-counts[word], word)
    )
    return [*SPECIAL, *words, *_CHARACTERS, *(f"##{letter}" for letter in _CHARACTERS)]


def make_tokenizer() -> BertTokenizer:
    """A tokenizer like that of the published models: [DEC] begins a caption, [SEP] ends it."""
    vocabulary = {token: index for index, token in enumerate(build_vocabulary())}
    return BertTokenizer(
        vocab=vocabulary,
        do_lower_case=True,
        bos_token="[DEC]",
        additional_special_tokens=["[ENC]"],
        model_max_length=32,
    )
