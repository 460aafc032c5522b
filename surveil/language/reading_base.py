"""What a reader knows while it reads: the clause so far, and what hangs on what."""

from __future__ import annotations

from surveil.language.lexicon import Lexicon
from surveil.language.meaning import WORN_STATES, is_animate
from surveil.language.phrases import Phrases
from surveil.language.sentence import Doing, Place, Sentence, State, Thing
from surveil.language.tagging import tag
from surveil.language.tokens import Token

_NO_PARTICIPLES = frozenset(
    {
        "burnt",
        "burned",
        "charred",
        "scorched",
        "drunk",
        "left",
        "lost",
        "used",
        "born",
        "known",
        "right",
        "close",
        "front",
        "rear",
        "elderly",
    }
)
"""Adjectives that look like participles, or are too far from their verb to tell of it."""
_HOLDING_PARTICIPLES = frozenset(
    {"filled", "covered", "choked", "soaked", "stained", "laden", "strewn", "lined"}
)
_FORMERLY = frozenset({"before", "earlier", "previously", "formerly", "ago"})


class Reading:
    """The state of one pass over a sentence, and adjectives."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.sentence = Sentence(text, tag(text, lexicon))
        self.tokens = self.sentence.tokens
        self.phrases = Phrases(self.tokens, lexicon)
        self.lexicon = lexicon
        self.holder: dict[int, Thing | Doing] = {}
        """id of a thing -> what it hangs on."""
        self._new_clause()
        self.unreal_clause = False

    def _new_clause(self) -> None:
        self.subjects: list[Thing] = []
        self.doing: Doing | None = None
        self.last: Thing | Doing | State | None = None
        self.outer: list[tuple[list[Thing], Doing | None]] = []
        self.preposition: tuple[str, int] | None = None
        self.joined = ""
        self.comma = False
        self.not_next = False
        self.nearly = False
        """Almost fell: did not."""
        self.gap: Thing | None = None
        self.fronted: list[Place] = []
        """Phrases before the subject: *on the floor* a man lies."""
        self.sharing: Doing | None = None
        """The verb just before `and` and this one: they may share an object."""
        self.once = False
        """In a clause opened by `where`: what was there need not be there now."""
        self.unreal_clause = False
        self.subordinate = False
        """In a clause opened by when, while, as, after: the main clause may follow it."""

    def _chain(self, node: Thing | Doing | State | None) -> list[Thing | Doing]:
        """The node, what it hangs on, what that hangs on ..."""
        chain: list[Thing | Doing] = []
        here: Thing | Doing | None = self.doing if isinstance(node, State) else node
        while here is not None and here not in chain and len(chain) < 5:
            chain.append(here)
            here = self.holder.get(id(here))
        return chain

    def _act_out_states(self, thing: Thing) -> None:
        """A running man runs, a smashed window is smashed, a house ablaze burns: states are doings too."""
        for state in thing.states:
            self._act_out(state, [thing])

    def _act_out(self, state: State, bearers: list[Thing]) -> None:
        if self.tokens[state.token].text in _NO_PARTICIPLES:
            return
        for participle in self.lexicon.state(self.tokens[state.token].text):
            verb, undergone = self.lexicon.participle(participle)
            if not verb:
                continue
            token = state.token
            doing = Doing(
                token, token, token + 1, verb, self.lexicon.verb(verb), "n" if undergone else "g"
            )
            doing.subjects, doing.passive, doing.negated = list(bearers), undergone, state.negated
            doing.implied = True
            self.sentence.doings.append(doing)

    def _filled_with(self, token: Token, index: int, bearer: Thing) -> None:
        """A smoke-filled room has smoke in it; a long-haired girl has long hair."""
        first, _, last = token.text.replace(" ", "-").partition("-")
        if token.tag == "A" and last in _HOLDING_PARTICIPLES:
            stuff = Thing(index, index, index + 1, first, self.lexicon.noun(first))
            self.sentence.things.append(stuff)
            covering = Doing(index, index, index + 1, "cover", self.lexicon.verb("cover"), "n")
            covering.subjects, covering.passive = [bearer], True
            covering.places = [Place("in", stuff, index)]
            covering.unreal, covering.implied = bearer.unreal, True
            self.sentence.doings.append(covering)
        elif token.tag == "A" and token.text in WORN_STATES:
            worn = WORN_STATES[token.text]
            part = Thing(index, index, index + 1, worn, self.lexicon.noun(worn))
            bearer.places.append(Place("wearing", part, index))
        elif last.endswith("ed") and self.lexicon.has_noun(last[:-2]):
            part = Thing(index, index, index + 1, last[:-2], self.lexicon.noun(last[:-2]))
            part.states.append(State(index, self.lexicon.state(first)))
            bearer.places.append(Place("with", part, index))

    def _take_state(self, index: int) -> int:
        """An adjective on its own: said of the subject after a verb, of the noun before it otherwise."""
        token, last, doing = self.tokens[index], self.last, self.doing
        state = State(index, self.phrases.state_terms(index), negated=self.not_next)
        self.not_next = False
        if doing is not None and isinstance(last, (Doing, State)):
            state.negated = state.negated or doing.negated or doing.unreal
            doing.states.append(state)
        bearers = self._bearers_of(state)
        if doing is not None and last in doing.objects:
            state.negated = state.negated or doing.unreal or doing.negated
            phrase = f"{doing.lemma} {token.text}"  # pries a door open
            if self.lexicon.own_verb(phrase):
                doing.terms = {**self.lexicon.verb(phrase), **doing.terms}
        for bearer in bearers:
            bearer.states.append(state)
        self._act_out(state, bearers)
        if isinstance(last, Thing) and token.text == "alone":
            for bearer in self.subjects:
                bearer.states.append(state)
        self.last = last if isinstance(last, Thing) else state
        self.preposition = None
        return index + 1

    def _bearers_of(self, state: State) -> list[Thing]:
        """Whom the state is said of; at full speed of who passes the baton, not of the baton."""
        if isinstance(self.last, Thing):
            text = self.tokens[state.token].text
            own = any(word in text for word in (" his ", " her ", "himself", "herself"))
            manner = own or bool({"running", "fighting"} & state.terms.keys())
            doer = bool(self.subjects) and is_animate(self.subjects[0])
            return self.subjects if manner and doer else [self.last]
        if self.doing is not None and self.last is not None:
            return self.doing.objects or self.doing.subjects
        return self.subjects

    def _is_over(self, word: str) -> None:
        """Was open before: it is so no more, nor is the opening that the state tells of."""
        doing = self.doing
        if doing is None or word not in _FORMERLY:
            return
        if "d" not in doing.form and self.tokens[doing.head].text not in ("was", "were"):
            return
        doing.unreal = True
        told = {state.token for state in doing.states}
        for state in doing.states:
            state.negated = True
        for thing in doing.objects if doing.lemma == "have" else ():
            thing.unreal = True
        for other in self.sentence.doings:
            other.unreal = other.unreal or (other.implied and other.head in told)

    def _take_adverb(self, index: int) -> None:
        token = self.tokens[index]
        terms = self.lexicon.state(token.text)
        if isinstance(self.last, Doing):
            self.last.adverbs.add(token.text)
        self.nearly = self.nearly or token.text in ("almost", "nearly")
        self._is_over(token.text)
        if token.text in ("alone", "asleep", "apart"):
            holders = (
                [self.last]
                if isinstance(self.last, Thing) and self.doing is None
                else self.subjects
            )
            for thing in holders or ([self.last] if isinstance(self.last, Thing) else []):
                thing.states.append(State(index, terms))
