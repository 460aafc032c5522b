"""Words and what they mean to the matcher: a man is a person, jogging is running, shattered is broken.

Three small languages of plain text, in `surveil/language/words`: our own nouns, verbs and states, and what WordNet says
of all other words. Each word leads to the terms it implies, with a quality: 1 for itself, less for a looser kinship.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources

from surveil.language import morphology
from surveil.language.wordset import word_set

OWN, NEAR, FAR = 1.0, 0.95, 0.8
"""The word itself; kin by our own files or the operator's; kin by WordNet."""
Terms = Mapping[str, float]
"""Term -> quality, 0..1."""
_PERSONS = ("man", "woman", "person", "boy", "girl", "lady")
_TOO_GENERAL = word_set(
    """
    entity, physical entity, abstraction, whole, matter, causal agent, psychological feature, attribute, relation,
    measure, living thing, organism, thing, unit, artifact, physical object, abstract entity, event, act, set, cause,
    being, material, substance, move, be, make, get, do, have, change, travel, touch, alter, go, create, use,
    commodity, instrumentality, structure, way, part, body, process, cover, covering, device, activity, happening,
    state, group, position, location, area, region, content, natural object, solid, fluid, communication,
    consumer goods, equipment, mechanism, conveyance
    """
)


class Lexicon:
    """Immutable after `load`; any thread may read it."""

    def __init__(self, synonyms: Mapping[str, Sequence[str]]) -> None:
        own = _own_tables()
        self._nouns = _Kin(own["nouns"], _wordnet("nouns"), synonyms, steps=(8, 40), nouns=True)
        self._verbs = _Kin(own["verbs"], _wordnet("verbs"), synonyms, steps=(1, 3))
        self._states = _Kin(own["states"], {}, synonyms, steps=(1, 1))
        self.compounds = self._all_compounds()

    @classmethod
    def load(cls, synonyms: Mapping[str, Sequence[str]] | None = None) -> Lexicon:
        """The built-in words, extended by the operator's: `{"person": ["postie"]}` makes a postie a person."""
        return cls(synonyms or {})

    def knows(self, word: str) -> bool:
        """Whether any table has the word."""
        return word in self._nouns or word in self._verbs or word in self._states

    def noun(self, lemma: str) -> Terms:
        """What the thing is: `kitten` -> kitten, cat, animal ..."""
        terms = self._nouns.terms(lemma)
        if len(terms) == 1 and lemma.endswith(_PERSONS):
            return {**terms, "person": NEAR}  # a stuntman, whom no table has
        return terms

    def noun_equals(self, lemma: str) -> tuple[str, ...]:
        """The lemma and other words for the same: taxi, cab."""
        return self._nouns.equals(lemma)

    def verb_equals(self, lemma: str) -> tuple[str, ...]:
        """Likewise for what is done: push, shove. Only our own file's."""
        return tuple(verb for verb in self._verbs.equals(lemma) if self._verbs.is_own(verb))

    def verb(self, lemma: str) -> Terms:
        """What the action is: `jog` -> jog, run ... Phrasal verbs as `kick in`."""
        return self._verbs.terms(lemma)

    def state(self, word: str) -> Terms:
        """What the adjective implies: `ajar` -> ajar, open."""
        return self._states.terms(word)

    def participle(self, word: str) -> tuple[str, bool]:
        """(verb, whether its bearer undergoes it) of a state that is a participle: broken -> break; else empty."""
        return _participle(word)

    def has_noun(self, lemma: str) -> bool:
        return lemma in self._nouns

    def has_verb(self, lemma: str) -> bool:
        return lemma in self._verbs

    def has_state(self, word: str) -> bool:
        return word in self._states

    def own_verb(self, lemma: str) -> bool:
        """Whether our own file, not only WordNet, has the verb."""
        return self._verbs.is_own(lemma)

    def _all_compounds(self) -> dict[str, list[tuple[tuple[str, ...], str]]]:
        """First word -> (further words, kind), longest first; kind is `state`, `noun` or `wordnet` (a noun too)."""
        found: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        for kind, phrases in (
            ("state", self._states.own_phrases()),
            ("noun", self._nouns.own_phrases()),
            ("wordnet", self._nouns.far_phrases()),
        ):
            for words in phrases:
                first, *rest = words.split()
                found[first].append((tuple(rest), kind))
        for entries in found.values():
            entries.sort(key=lambda entry: -len(entry[0]))
        return dict(found)


class _Kin:
    """One table of kinship: word -> what it directly is, own words first, WordNet for the rest."""

    def __init__(
        self,
        own: Mapping[str, Sequence[str]],
        wordnet: Mapping[str, str],
        synonyms: Mapping[str, Sequence[str]],
        *,
        steps: tuple[int, int],
        nouns: bool = False,
    ) -> None:
        """Synonyms of a term that no table knows are taken for things."""
        self._steps, self._far_steps = steps
        self._nesting = self._steps > 1
        self._own = {word: list(parents) for word, parents in own.items()}
        self._wordnet = wordnet
        self._classes = {parent for parents in self._own.values() for parent in parents}
        for term, words in synonyms.items():
            known = morphology.folded_phrase(term)
            for word in words if known in self or nouns else ():
                self._own.setdefault(morphology.folded_phrase(word), []).append(known)
        self._classes = {parent for parents in self._own.values() for parent in parents}
        self._terms: dict[str, Terms] = {}

    def __contains__(self, word: str) -> bool:
        return word in self._own or word in self._classes or word in self._wordnet

    def is_own(self, word: str) -> bool:
        return word in self._own or word in self._classes

    def own_phrases(self) -> Iterator[str]:
        yield from (word for word in {*self._own, *self._classes} if " " in word)

    def far_phrases(self) -> Iterator[str]:
        yield from (word for word in self._wordnet if " " in word and "#" not in word)

    def terms(self, word: str) -> Terms:
        if word not in self._terms:
            self._terms[word] = self._climb(word)
        return self._terms[word]

    def equals(self, word: str) -> tuple[str, ...]:
        """The word, those that our file calls the same, and the one that WordNet files its commonest sense under."""
        own = [other for other in self._own.get(word, ()) if word in self._own.get(other, ())]
        names = self._wordnet.get(word, "").split(",")[0]
        name, mark, _ = names.partition("#")
        shared = (
            not own and mark and name != word and self._wordnet.get(name, "").split(",")[0] == names
        )
        return tuple(dict.fromkeys((word, *own, *([name] if shared else ()))))

    def _climb(self, word: str) -> Terms:
        """Breadth first. Own things nest (a puppy is a dog is an animal); own actions are listed in full, so that
        kinship does not drift from hugging to holding to using."""
        terms = dict.fromkeys(self.equals(word)[-1:], FAR) | {word: OWN}
        queue = [(word, 0)]
        while queue:
            here, steps = queue.pop(0)
            if steps >= (self._steps if self.is_own(here) else self._far_steps):
                continue
            for parent, quality in self._above(here, terms[here]):
                mutual = steps > 0 and here in self._own.get(parent, ())
                if terms.get(parent, 0.0) < quality and not mutual:
                    terms[parent] = quality
                    if self._goes_on(here, parent):
                        queue.append((parent, steps + 1))
        return {
            term: quality
            for term, quality in terms.items()
            if "#" not in term and (quality > FAR or term not in _TOO_GENERAL)
        }

    def _goes_on(self, here: str, parent: str) -> bool:
        """From one of WordNet's meanings to its name, and from there only where our file has the word and people mean
        this by it first: a collar is a band (a strip), which is not the band of musicians that our file lists."""
        if "#" not in here or "#" in parent:
            return True
        senses = self._wordnet.get(parent, here).split(",")
        return self.is_own(parent) and here in senses

    def _above(self, word: str, quality: float) -> Iterable[tuple[str, float]]:
        if word in self._own:
            return [(parent, min(quality, NEAR)) for parent in self._own[word]]
        if word not in self._wordnet or (word in self._classes and not self._nesting):
            return []
        return [(parent, min(quality, FAR)) for parent in self._wordnet[word].split(",")]


@cache
def _participle(word: str) -> tuple[str, bool]:
    verb, dash, ending = word.rpartition("-")
    if dash and ending in ("ed", "ing"):
        return verb, ending == "ed"
    reading = morphology.read(word)
    if not reading.verbs or " " in word or not set(reading.verb_forms) & set("gn"):
        return "", False
    return reading.verbs[0], reading.verb_forms != "g"


@cache
def _own_tables() -> dict[str, dict[str, list[str]]]:
    return {kind: _members(_lines(f"{kind}.txt")) for kind in ("nouns", "verbs", "states")}


def _members(lines: Iterable[str]) -> dict[str, list[str]]:
    """`class: member` and `= same, same` lines -> word -> its classes. `! word` has none."""
    parents: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        if line.startswith("="):
            _add_equals(parents, [word.strip() for word in line[1:].split(",")])
            continue
        term, _, members = line.partition(":")
        for member in members.split(","):
            word = member.strip()
            if word.startswith("!"):
                parents.setdefault(word[1:].strip(), [])
            elif word and word != term and term not in parents[word]:
                parents[word].append(term)
    return dict(parents)


def _add_equals(parents: dict[str, list[str]], words: list[str]) -> None:
    """`= sofa, couch`: each is also the other."""
    for word in words:
        parents[word] += [other for other in words if other != word and other not in parents[word]]


@cache
def _wordnet(kind: str) -> dict[str, str]:
    """Word or synset name -> what it is, separated by commas: `sofa` -> `sofa#1`, `sofa#1` -> `seat#1,sofa`."""
    return dict(line.split("\t") for line in _lines(f"wordnet_{kind}.txt"))


def _lines(name: str) -> list[str]:
    text = resources.files("surveil.language.words").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
