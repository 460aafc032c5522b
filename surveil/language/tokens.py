"""Text -> tokens that remember where they stood.

Any Unicode goes in. Offsets are those of the text as given; the lower-case form is for looking up only.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

_WORD = re.compile(r"[^\W_]+(?:['\u2019\u02bc\-\u2010\u2011][^\W_]+)*|[,.;:!?()\"]")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2010": "-", "\u2011": "-"})
_CONTRACTIONS = re.compile(r"(?i)^(.+?)(n't|'s|'re|'m|'ve|'ll|'d)$")
_WHOLE = {"can't": ("can", "n't"), "won't": ("will", "n't"), "cannot": ("can", "not")}
TOKENS_MAX = 400
"""A caption is one sentence; what is longer than this is cut, so that no text can stall the matcher."""


@dataclass(slots=True)
class Token:
    """One word or mark. `tag`, `lemma` and `form` are filled in by the tagger."""

    text: str
    """Lower case, compatibility forms folded."""
    start: int
    end: int
    tag: str = ""
    """One of surveil.rules.words_of_grammar's tags."""
    lemma: str = ""
    form: str = ""
    """Of verbs: b(ase), z (walks), g (walking), d (walked), n (broken), dn (either); of nouns: s(ingular), p(lural)."""
    nouns: tuple[str, ...] = field(default=())
    """Lemmas it has as a noun; empty: it is none."""
    verbs: tuple[str, ...] = field(default=())
    verb_forms: str = ""
    is_adjective: bool = False
    is_adverb: bool = False


def tokenise(text: str) -> list[Token]:
    """At most TOKENS_MAX tokens; clitics (n't, 's) become tokens of their own."""
    tokens: list[Token] = []
    for found in _WORD.finditer(text):
        tokens.extend(_split(found.group(), found.start()))
        if len(tokens) >= TOKENS_MAX:
            break
    return tokens[:TOKENS_MAX]


def _split(word: str, start: int) -> list[Token]:
    plain = folded(word)
    end = start + len(word)
    if plain in _WHOLE:
        first, second = _WHOLE[plain]
        return [Token(first, start, end), Token(second, start, end)]
    found = _CONTRACTIONS.match(plain) if "'" in plain else None
    if found is None or len(plain) != len(word):
        return [Token(plain, start, end)]
    cut = start + found.end(1)
    return [Token(found.group(1), start, cut), Token(found.group(2), cut, end)]


def folded(word: str) -> str:
    """The form under which words are looked up."""
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", word).casefold().translate(_APOSTROPHES)
