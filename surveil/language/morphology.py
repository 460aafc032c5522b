"""Inflection: which dictionary words a written word can be. The data is inside the lemminflect package."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import NamedTuple

from surveil.language.tokens import folded
from surveil.language.wordset import word_set

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore"
    )  # lemminflect 0.2.3 reads its tables with a numpy call that is deprecated
    import lemminflect

_NOUNS = {
    "people": "people",
    "passers-by": "passer-by",
    "passersby": "passerby",
    "men": "man",
    "clothes": "clothes",
    "stairs": "stairs",
    "glasses": "glasses",
    "police": "police",
    "goods": "goods",
    "pants": "pants",
    "scissors": "scissors",
    "tracks": "tracks",
    "woods": "woods",
    "pliers": "pliers",
    "belongings": "belongings",
    "personnel": "personnel",
    "lego": "lego",
    "trousers": "trousers",
    "jeans": "jeans",
    "shorts": "shorts",
    "binoculars": "binoculars",
    "handcuffs": "handcuffs",
    "cutters": "cutter",
    "sunglasses": "sunglasses",
    "staff": "staff",
    "steps": "step",
    "lads": "lad",
    "firemen": "fireman",
    "bus": "bus",
    "gas": "gas",
    "glass": "glass",
}
_VERBS: dict[str, tuple[str, str]] = {
    "lying": ("lie", "g"),
    "laying": ("lay", "g"),
    "lay": ("lay", "bd"),
    "lain": ("lie", "n"),
    "laid": ("lay", "dn"),
    "laied": ("lay", "d"),
    "vaping": ("vape", "g"),
    "vapes": ("vape", "z"),
    "throwed": ("throw", "d"),
    "hitted": ("hit", "d"),
    "runned": ("run", "d"),
    "lied": ("lie", "d"),
    "layed": ("lay", "dn"),
    "left": ("leave", "dn"),
    "lit": ("light", "dn"),
    "felled": ("fell", "dn"),
    "fell": ("fall", "d"),
    "found": ("find", "dn"),
    "saw": ("see", "d"),
    "ground": ("grind", "dn"),
    "bound": ("bind", "dn"),
    "wound": ("wind", "dn"),
    "wove": ("weave", "d"),
    "shot": ("shoot", "dn"),
    "bit": ("bite", "d"),
    "rose": ("rise", "d"),
    "bent": ("bend", "dn"),
    "stove": ("stave", "dn"),
    "burnt": ("burn", "dn"),
    "burned": ("burn", "dn"),
    "catched": ("catch", "d"),
    "slept": ("sleep", "d"),
    "dove": ("dive", "d"),
    "sped": ("speed", "dn"),
    "putted": ("put", "d"),
}
_NOT_VERBS = word_set(
    """
    man people person ground yard shop video screen front garage room counter window corner bottom van
    cat bus head  side girl boy lady chair table house wall floor mall clerk staff police motorcycle
    bicycle roof ladder fence door gate street road bag box car truck child knee shoulder ceiling lawn
    tree river bed sofa group middle center top hat shirt clothes pant pants suitcase backpack bank
    jacket coat vest scooter camera building something anything nothing ceiling evening morning wedding
    railing clothing scaffolding belonging sibling king  string wing thing spring pavement basement
    stair stairs crowd mask knife gun  stick rifle uniform station bench  hood rear number
    field  pocket arm face eye finger phone machine paper glass light-pole garden fire-truck bottle
    wooden red seat bucket broom laptop trash cart stroller pole pillar alley umbrella helmet sidewalk
    fireman
    """
)
_NOT_NOUNS = word_set(
    """
    drove saw felt fell lay found hit lying carrying holding wearing standing sitting walking looking
    leaving unattended broken left
    """
)


_PLURALS = frozenset(
    {
        "passers-by",
        "passersby",
        "people",
        "men",
        "women",
        "children",
        "mice",
        "geese",
        "feet",
        "teeth",
        "police",
        "cattle",
    }
)


class Reading(NamedTuple):
    """What one written word can be."""

    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    verb_forms: str
    """Letters b z g d n, as in Token.form."""
    adjective: bool
    adverb: bool
    plural: bool
    listed: bool
    """Whether the dictionary has it."""


@lru_cache(maxsize=8192)
def read(word: str) -> Reading:
    """Every reading of a lower-case word; an unknown word may be a noun."""
    lemmas = lemminflect.getAllLemmas(word) if word.isascii() and word.isalpha() else {}
    noun = _NOUNS.get(word) or _best(lemmas.get("NOUN", ()), word)
    verb, forms = _verb(word, lemmas.get("VERB", ()))
    if word in _NOT_VERBS or (noun in _NOT_VERBS and word == noun + "s"):
        verb, forms = "", ""
    if word in _NOT_NOUNS:
        noun = ""
    nouns: tuple[str, ...] = (noun,) if noun else ()
    if not nouns and not verb and not lemmas:
        nouns, verb, forms = _guess(word)
    return Reading(
        nouns=nouns,
        verbs=(verb,) if verb else (),
        verb_forms=forms,
        adjective="ADJ" in lemmas,
        adverb="ADV" in lemmas or (word.endswith("ly") and not nouns),
        plural=_is_plural(word, nouns),
        listed=bool(lemmas),
    )


def _is_plural(word: str, nouns: tuple[str, ...]) -> bool:
    if not nouns:
        return False
    return word in _PLURALS or (word != nouns[0] and word.endswith(("s", "en", "i")))


def lemma_of(word: str) -> str:
    """The dictionary form that a lexicon entry is likely to stand under."""
    reading = read(word)
    return (*reading.nouns, *reading.verbs, word)[0]


def folded_phrase(phrase: str) -> str:
    """Lower case, single spaces: the form of lexicon entries."""
    return " ".join(folded(word) for word in phrase.split())


def _best(lemmas: tuple[str, ...], word: str) -> str:
    if not lemmas:
        return ""
    return min(
        lemmas,
        key=lambda lemma: (lemma == word and word.endswith("s") and len(lemmas) > 1, len(lemma)),
    )


def _verb(word: str, lemmas: tuple[str, ...]) -> tuple[str, str]:
    if word in _VERBS:
        return _VERBS[word]
    if not lemmas:
        return "", ""
    lemma = lemmas[0]
    if len(lemmas) > 1:
        lemma = next((other for other in lemmas if other == word), lemma)
    return lemma, _forms(word, lemma)


def _forms(word: str, lemma: str) -> str:
    if word.endswith("ing") and word != lemma:
        return "g"
    forms = "b" if word == lemma else ""
    inflected = lemminflect.getAllInflections(lemma, upos="VERB")
    for tag, form in (("VBD", "d"), ("VBN", "n"), ("VBZ", "z")):
        if word in inflected.get(tag, ()):
            forms += form
    if "d" in forms and ("VBN" not in inflected or word.endswith("ed")):
        forms += "n"
    if not forms:
        forms = "dn" if re.search(r"(ed|t|en)$", word) else "z"
    return forms


def _guess(word: str) -> tuple[tuple[str, ...], str, str]:
    """A word that no dictionary has: by its ending."""
    if len(word) > 5 and word.endswith("ing"):
        return (), word[:-3], "g"
    if len(word) > 4 and word.endswith("ed") and "-" not in word:
        return (), word[:-2], "dn"
    if re.search(r"(sh|ch|x|z|ss)es$", word):
        return (word[:-2],), "", ""
    if len(word) > 4 and word.endswith("s") and not word.endswith("ss"):
        return (word[:-1],), "", ""
    return (word,), "", ""
