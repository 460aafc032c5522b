"""What a reader knows while it reads: the clause so far, and what hangs on what."""

from __future__ import annotations

from surveil.language.lexicon import Lexicon
from surveil.language.meaning import WORN_STATES, is_animate
from surveil.language.phrases import Phrases
from surveil.language.sentence import Entity, Place, Predicate, Sentence, State
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
        self.holder: dict[int, Entity | Predicate] = {}
        """id of an entity -> what it hangs on."""
        self._new_clause()
        self.unreal_clause = False

    def _new_clause(self) -> None:
        self.subjects: list[Entity] = []
        self.predicate: Predicate | None = None
        self.last: Entity | Predicate | State | None = None
        self.outer: list[tuple[list[Entity], Predicate | None]] = []
        self.preposition: tuple[str, int] | None = None
        self.joined = ""
        self.comma = False
        self.not_next = False
        self.nearly = False
        """Almost fell: did not."""
        self.gap: Entity | None = None
        self.fronted: list[Place] = []
        """Phrases before the subject: *on the floor* a man lies."""
        self.sharing: Predicate | None = None
        """The verb just before `and` and this one: they may share an object."""
        self.once = False
        """In a clause opened by `where`: what was there need not be there now."""
        self.unreal_clause = False
        self.subordinate = False
        """In a clause opened by when, while, as, after: the main clause may follow it."""

    def _chain(self, node: Entity | Predicate | State | None) -> list[Entity | Predicate]:
        """The node, what it hangs on, what that hangs on ..."""
        chain: list[Entity | Predicate] = []
        here: Entity | Predicate | None = self.predicate if isinstance(node, State) else node
        while here is not None and here not in chain and len(chain) < 5:
            chain.append(here)
            here = self.holder.get(id(here))
        return chain

    def _act_out_states(self, entity: Entity) -> None:
        """A running man runs, a smashed window is smashed, a house ablaze burns: states are predicates too."""
        for state in entity.states:
            self._act_out(state, [entity])

    def _act_out(self, state: State, bearers: list[Entity]) -> None:
        if self.tokens[state.token].text in _NO_PARTICIPLES:
            return
        for participle in self.lexicon.state(self.tokens[state.token].text):
            verb, undergone = self.lexicon.participle(participle)
            if not verb:
                continue
            token = state.token
            predicate = Predicate(
                token, token, token + 1, verb, self.lexicon.verb(verb), "n" if undergone else "g"
            )
            predicate.subjects, predicate.passive, predicate.negated = (
                list(bearers),
                undergone,
                state.negated,
            )
            predicate.implied = True
            self.sentence.predicates.append(predicate)

    def _filled_with(self, token: Token, index: int, bearer: Entity) -> None:
        """A smoke-filled room has smoke in it; a long-haired girl has long hair."""
        first, _, last = token.text.replace(" ", "-").partition("-")
        if token.tag == "A" and last in _HOLDING_PARTICIPLES:
            stuff = Entity(index, index, index + 1, first, self.lexicon.noun(first))
            self.sentence.entities.append(stuff)
            covering = Predicate(index, index, index + 1, "cover", self.lexicon.verb("cover"), "n")
            covering.subjects, covering.passive = [bearer], True
            covering.places = [Place("in", stuff, index)]
            covering.unreal, covering.implied = bearer.unreal, True
            self.sentence.predicates.append(covering)
        elif token.tag == "A" and token.text in WORN_STATES:
            worn = WORN_STATES[token.text]
            part = Entity(index, index, index + 1, worn, self.lexicon.noun(worn))
            bearer.places.append(Place("wearing", part, index))
        elif last.endswith("ed") and self.lexicon.has_noun(last[:-2]):
            part = Entity(index, index, index + 1, last[:-2], self.lexicon.noun(last[:-2]))
            part.states.append(State(index, self.lexicon.state(first)))
            bearer.places.append(Place("with", part, index))

    def _take_state(self, index: int) -> int:
        """An adjective on its own: said of the subject after a verb, of the noun before it otherwise."""
        token, last, predicate = self.tokens[index], self.last, self.predicate
        state = State(index, self.phrases.state_terms(index), negated=self.not_next)
        self.not_next = False
        if predicate is not None and isinstance(last, (Predicate, State)):
            state.negated = state.negated or predicate.negated or predicate.unreal
            predicate.states.append(state)
        bearers = self._bearers_of(state)
        if predicate is not None and last in predicate.objects:
            state.negated = state.negated or predicate.unreal or predicate.negated
            phrase = f"{predicate.lemma} {token.text}"  # pries a door open
            if self.lexicon.own_verb(phrase):
                predicate.terms = {**self.lexicon.verb(phrase), **predicate.terms}
        for bearer in bearers:
            bearer.states.append(state)
        self._act_out(state, bearers)
        if isinstance(last, Entity) and token.text == "alone":
            for bearer in self.subjects:
                bearer.states.append(state)
        self.last = last if isinstance(last, Entity) else state
        self.preposition = None
        return index + 1

    def _bearers_of(self, state: State) -> list[Entity]:
        """Whom the state is said of; at full speed of who passes the baton, not of the baton."""
        if isinstance(self.last, Entity):
            text = self.tokens[state.token].text
            own = any(word in text for word in (" his ", " her ", "himself", "herself"))
            manner = own or bool({"running", "fighting"} & state.terms.keys())
            doer = bool(self.subjects) and is_animate(self.subjects[0])
            return self.subjects if manner and doer else [self.last]
        if self.predicate is not None and self.last is not None:
            return self.predicate.objects or self.predicate.subjects
        return self.subjects

    def _is_over(self, word: str) -> None:
        """Was open before: it is so no more, nor is the opening that the state tells of."""
        predicate = self.predicate
        if predicate is None or word not in _FORMERLY:
            return
        if "d" not in predicate.form and self.tokens[predicate.head].text not in ("was", "were"):
            return
        predicate.unreal = True
        told = {state.token for state in predicate.states}
        for state in predicate.states:
            state.negated = True
        for entity in predicate.objects if predicate.lemma == "have" else ():
            entity.unreal = True
        for other in self.sentence.predicates:
            other.unreal = other.unreal or (other.implied and other.head in told)

    def _take_adverb(self, index: int) -> None:
        token = self.tokens[index]
        terms = self.lexicon.state(token.text)
        if isinstance(self.last, Predicate):
            self.last.adverbs.add(token.text)
        self.nearly = self.nearly or token.text in ("almost", "nearly")
        self._is_over(token.text)
        if token.text in ("alone", "asleep", "apart"):
            holders = (
                [self.last]
                if isinstance(self.last, Entity) and self.predicate is None
                else self.subjects
            )
            for entity in holders or ([self.last] if isinstance(self.last, Entity) else []):
                entity.states.append(State(index, terms))
