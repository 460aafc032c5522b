"""The first step of reading, second half: tagged tokens -> verb groups, still unconnected."""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.lexicon import Terms
from surveil.language.noun_phrases import NounPhrases
from surveil.language.sentence import Predicate
from surveil.language.wordset import word_set

_TELLING_PARTICLES = frozenset({"up", "down", "off", "over", "out", "away"})
"""With these a verb is likely to be the phrase that WordNet knows; "came to" is only coming."""
_TRUE_PARTICLES = frozenset({"up", "down", "off", "over", "out", "away", "back", "open"})
"""Before a noun phrase these may belong to the verb (pick up a bag); other prepositions govern the noun."""


class Phrases(NounPhrases):
    """Reads noun phrases and verb groups off a list of tagged tokens."""

    def verb_group(self, start: int) -> tuple[Predicate, bool] | None:
        """The verb group that starts here and whether it is finite (can have a subject of its own)."""
        index, auxiliaries, negated = start, [], False
        adverbs: set[str] = set()
        while self.tag(index) in ("M", "B", "H", "O", "G", "R", "T") or (
            self.tag(index) == "V"
            and self.text(index) in ("getting", "get", "gets", "got", "being")
            and self.tag(index + 1) == "V"
        ):
            if self.tag(index) == "G":
                negated = True
            elif self.tag(index) == "R":
                negated = negated or self.text(index) == "never"
                adverbs.add(self.text(index))
            else:
                auxiliaries.append(index)
            index += 1
        if self.tag(index) != "V":
            return self._bare_auxiliary(start, index, auxiliaries, negated=negated, adverbs=adverbs)
        predicate = self._predicate(start, index)
        predicate.negated, predicate.adverbs = negated, adverbs
        self._voice(predicate, auxiliaries)
        finite = bool(auxiliaries and self.tag(auxiliaries[0]) in "MBHO") or (
            not auxiliaries and predicate.form not in ("g", "n") and self.text(index) != "being"
        )
        if auxiliaries and self.text(auxiliaries[0]) in ("being", "having", "getting"):
            finite = False
        return predicate, finite

    def _bare_auxiliary(
        self, start: int, end: int, auxiliaries: list[int], *, negated: bool, adverbs: set[str]
    ) -> tuple[Predicate, bool] | None:
        """is, has, does without a main verb: being, having."""
        if not auxiliaries:
            return None
        last = auxiliaries[-1]
        lemma = {"B": "be", "H": "have"}.get(self.tag(last), "do")
        if self.text(last).startswith("g"):
            lemma = "get"
        predicate = Predicate(
            start,
            last,
            end,
            lemma,
            self._lexicon.verb(lemma),
            "g" if self.text(last) in ("being", "having") else "z",
        )
        predicate.negated, predicate.adverbs = negated, adverbs
        if self.tag(auxiliaries[0]) == "M":
            predicate.unreal = self.text(auxiliaries[0]) not in ("can", "could")
        return predicate, predicate.form == "z"

    def _predicate(self, start: int, head: int) -> Predicate:
        token = self.tokens[head]
        terms = dict(self._lexicon.verb(token.lemma))
        end, known = head + 1, ""
        for reach in (1, 2):
            particle = self.text(head + reach)
            if (
                self.tag(head + reach) not in ("P", "R", "A", "N")
                or particle not in grammar.PARTICLES
            ):
                break
            phrase = (
                token.lemma
                + " "
                + " ".join(self.text(i) for i in range(head + 1, head + reach + 1))
            )
            remote = particle in _TELLING_PARTICLES and self._lexicon.has_verb(phrase)
            if self._lexicon.own_verb(phrase) or remote:
                terms, known = _phrasal(terms, self._lexicon.verb(phrase), phrase), phrase
                governs = (
                    particle not in _TRUE_PARTICLES
                    and self.tag(head + reach + 1) in "DSQANX"
                    and self.tag(head + reach + 1)
                )
                end = end if governs else head + reach + 1
        if self.text(head + 1) == "out of" and self._lexicon.own_verb(token.lemma + " out"):
            terms = _phrasal(terms, self._lexicon.verb(token.lemma + " out"), token.lemma + " out")
        return Predicate(start, head, end, token.lemma, terms, token.verb_forms, known)

    def _voice(self, predicate: Predicate, auxiliaries: list[int]) -> None:
        tags = [self.tag(index) for index in auxiliaries]
        texts = [self.text(index) for index in auxiliaries]
        if "n" in predicate.form:
            be = bool(tags) and (tags[-1] == "B" or texts[-1].startswith("g"))
            predicate.passive = be
            predicate.open_voice = not auxiliaries
        if "M" in tags:
            modal = texts[tags.index("M")]
            predicate.unreal = not (modal in ("can", "could") and predicate.passive)
        if texts and texts[0] == "to":
            predicate.form = "to"
        if texts[:2] == ["had", "been"] and predicate.form == "g":
            predicate.unreal = True  # had been fighting: no longer
        if "going" in texts:
            predicate.unreal = True


def _phrasal(plain: dict[str, float], phrasal: Terms, phrase: str) -> dict[str, float]:
    """The meanings of the verb and of the phrase; set phrases replace the verb's own."""
    if phrase in _IDIOMS:
        return dict(phrasal)
    return {term: max(plain.get(term, 0.0), phrasal.get(term, 0.0)) for term in {*plain, *phrasal}}


_IDIOMS = word_set(
    """
    run over, run out of, get up, stand up, blow up, break down, put out, look after, take off, work out, give up,
    pass out, light up, break up, make out, sleep in, fall asleep, fall ill, sit up, lie to, run down, take away,
    put on, hold up, set off, put down, lay down, run into, break out, kick off, turn on, turn off, go out, burn out,
    call off, rise up, throw up, carry on, hang up, make up, come up, line up
    """
)
