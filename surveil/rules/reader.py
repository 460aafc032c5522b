"""The second step of reading: phrases -> a Sentence, from left to right, in one pass.

Deterministic and shallow: English word order, a little sense (walls do not run), and no search. What a phrase belongs
to is decided where it stands; doubtful attachments are kept with a lower quality.
"""

from __future__ import annotations

from surveil.rules import grammar
from surveil.rules.lexicon import Lexicon
from surveil.rules.meaning import (
    INTRANSITIVE,
    fits_as_subject,
    is_animate,
    is_depiction,
    is_quantity,
    is_worn,
    surface_depicts,
)
from surveil.rules.nominal import add_events
from surveil.rules.phrases import Phrases
from surveil.rules.sentence import Doing, Place, Sentence, State, Thing
from surveil.rules.tagging import tag
from surveil.rules.tokens import Token
from surveil.rules.wordset import word_set

FURTHER = 0.9
"""Quality lost at each step that an attachment climbs."""
_UNREAL_OPENERS = frozenset({"if", "unless", "before", "until", "though"})
_SEEING = frozenset(
    {"see", "watch", "film", "photograph", "observe", "look", "catch", "show", "record", "spot"}
)
_DIRECTIONS = word_set(
    """
    across along through toward towards past around up down
    """
)
_GIVING = frozenset("set give hand pass tie throw bring take deliver lead point offer chain attach".split())
_NO_PARTICIPLES = frozenset({"drunk", "left", "lost", "used", "born", "known", "right", "close", "front", "rear", "elderly"})
"""Adjectives that look like participles, or are too far from their verb to tell of it."""
_ENDS = frozenset(".;:!?")
_HOLDING_PARTICIPLES = frozenset(
    {"filled", "covered", "choked", "soaked", "stained", "laden", "strewn", "lined"}
)


def read(text: str, lexicon: Lexicon) -> Sentence:
    """Analyse a caption or a pattern. Never raises, whatever the text."""
    return _Reader(text, lexicon).run()


class _Reader:
    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.sentence = Sentence(text, tag(text, lexicon))
        self.tokens = self.sentence.tokens
        self.phrases = Phrases(self.tokens, lexicon)
        self.lexicon = lexicon
        self.holder: dict[int, Thing | Doing] = {}
        """id of a thing -> what it hangs on."""
        self._new_clause()
        self.unreal_clause = False

    def run(self) -> Sentence:
        index = 0
        while index < len(self.tokens):
            index = max(index + 1, self._step(index))
        add_events(self.sentence, self.lexicon)
        self._collect_terms()
        return self.sentence

    def _new_clause(self) -> None:
        self.subjects: list[Thing] = []
        self.doing: Doing | None = None
        self.last: Thing | Doing | State | None = None
        self.outer: list[tuple[list[Thing], Doing | None]] = []
        self.preposition: tuple[str, int] | None = None
        self.joined = ""
        self.comma = False
        self.not_next = False
        self.gap: Thing | None = None
        self.once = False
        """In a clause opened by `where`: what was there need not be there now."""
        self.unreal_clause = False

    def _step(self, index: int) -> int:
        """Take up the phrase that starts at the token; returns the next token's index."""
        token = self.tokens[index]
        if token.tag in _ENDS:
            self._new_clause()
        elif token.tag == ",":
            self.comma, self.preposition = True, None
        elif token.tag == "C":
            self.joined = token.text
        elif token.tag == "L":
            self._open_clause(index)
        elif token.tag == "P":
            return self._take_preposition(index)
        elif token.tag == "R":
            self._take_adverb(index)
        elif token.tag in ("V", "B", "M", "H", "O", "T"):
            return self._take_verb(index)
        elif token.tag == "G":
            return self._take_negation(index)
        elif token.tag in ("D", "Q", "S", "A", "N", "X"):
            return self._take_noun(index)
        return index + 1

    # --- noun phrases

    def _take_noun(self, index: int) -> int:
        thing = self.phrases.noun_phrase(index)
        if thing is None or (self.tokens[index].tag == "A" and self._is_predicate(index, thing)):
            return self._take_state(index)
        if thing.pronoun and thing.lemma in ("it", "itself") and self.preposition is not None:
            thing = self._resolved(thing)
        else:
            self.sentence.things.append(thing)
        if self.not_next:
            thing.negated, self.not_next = True, False
        for place in range(thing.start, thing.head):
            self._filled_with(self.tokens[place], place)
        self._settle(thing)
        self._act_out_states(thing)
        self.last, self.joined, self.comma, self.preposition = thing, "", False, None
        return thing.end

    def _is_predicate(self, index: int, thing: Thing) -> bool:
        """ "the door is open", "a door open": nothing that the adjective could stand before."""
        return (
            thing.pronoun is False
            and thing.head == index
            and thing.lemma == "clothes"
            and (self.preposition is None and (self.doing is not None and self.doing.lemma == "be"))
        )

    def _resolved(self, pronoun: Thing) -> Thing:
        """What `it` stands for: the nearest thing before that is no person and does not hold the phrase."""
        holder = next(iter(self._chain(self.last)), None)
        excluded = holder.subjects if isinstance(holder, Doing) else [holder]
        for thing in reversed(self.sentence.things):
            if not thing.pronoun and "person" not in thing.terms and thing not in excluded:
                return thing
        self.sentence.things.append(pronoun)
        return pronoun

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

    def _filled_with(self, token: Token, index: int) -> None:
        """A smoke-filled room has smoke in it."""
        first, _, last = token.text.partition("-")
        if last in _HOLDING_PARTICIPLES:
            self.sentence.things.append(
                Thing(index, index, index + 1, first, self.lexicon.noun(first))
            )

    def _settle(self, thing: Thing) -> None:
        if self.preposition is not None:
            self._govern(thing)
        elif self._continues_list(thing):
            self._join(thing)
        elif self._is_object(thing):
            self._give_object(thing)
        else:
            self._start_clause(thing)

    def _continues_list(self, thing: Thing) -> bool:
        last = self.last
        if not isinstance(last, Thing) or not (self.joined or self.comma):
            return False
        following = self._verb_ahead(thing.end)
        if following == "finite":
            return bool(self.joined) and self.doing is None
        if following == "participle" or self.phrases.tag(thing.end) == "L":
            return is_animate(last) == is_animate(thing) and bool(self.joined)
        if self.comma and not self.joined:
            return self._list_goes_on(thing.end)
        return True

    def _verb_ahead(self, index: int) -> str:
        while self.phrases.tag(index) in ("R", "G"):
            index += 1
        kind = self.phrases.tag(index)
        if kind in ("B", "M", "H", "O"):
            return "finite"
        if kind != "V":
            return ""
        form = self.tokens[index].verb_forms
        return "participle" if form in ("g", "n") else "finite"

    def _list_goes_on(self, index: int) -> bool:
        return any(token.tag == "C" for token in self.tokens[index : index + 4])

    def _join(self, thing: Thing) -> None:
        last = self.last
        assert isinstance(last, Thing)
        if (
            is_animate(thing)
            and not is_animate(last)
            and is_animate(next(iter(self.subjects), None))
        ):
            last = self.subjects[-1]  # a man in a hat and a woman: not a hat and a woman
        thing.negated = thing.negated or (last.negated and self.joined in ("or", "nor"))
        if last.unreal and self.holder.get(id(last)) is not None:
            thing.unreal = True
        thing.partners.append(last)
        last.partners.append(thing)
        if last in self.subjects:
            self.subjects.append(thing)
        for doing in self.sentence.doings:
            if last in doing.objects:
                doing.objects.append(thing)
        for holder in (*self.sentence.things, *self.sentence.doings):
            for place in [p for p in holder.places if p.thing is last]:
                holder.places.append(Place(place.preposition, thing, place.token, place.quality))
        if id(last) in self.holder:
            self.holder[id(thing)] = self.holder[id(last)]

    def _is_object(self, thing: Thing) -> bool:
        doing = self.doing
        if doing is None:
            return False
        if self.joined and self._verb_ahead(thing.end) == "finite":
            return False
        if self.comma or (self.joined and self.last is doing):
            return False
        if self.last is doing:
            return True
        second = isinstance(self.last, Thing) and self.last in doing.objects and not self.joined
        return second and self._verb_ahead(thing.end) != "finite"

    def _give_object(self, thing: Thing) -> None:
        doing = self.doing
        assert doing is not None
        self.holder[id(thing)] = doing
        if doing.lemma == "be":
            self._is_a(doing, thing)
            return
        doing.mutual = doing.mutual or thing.lemma == "each other"
        doing.objects.append(thing)
        doing.open_voice = False
        particle = self.tokens[doing.end - 1]
        if self.last is doing and particle.tag == "P":
            doing.places.append(Place(particle.text, thing, doing.end - 1))
        if doing.negated and doing.lemma in ("have", "show", "see", "contain"):
            thing.negated = True

    def _is_a(self, doing: Doing, thing: Thing) -> None:
        """There is a man: the man is; the man is a thief: one and the same."""
        thing.negated = thing.negated or doing.negated
        if not doing.subjects:
            self.subjects = [thing]
            doing.subjects = [thing]
            thing.unreal = thing.unreal or doing.unreal
            return
        for subject in doing.subjects:
            if not thing.negated:
                subject.terms = {**thing.terms, **subject.terms}
                subject.states.extend(thing.states)

    def _start_clause(self, thing: Thing) -> None:
        if self.outer and self.gap is None and self.doing is None:
            self.gap = self.subjects[0] if self.subjects else None
        elif self.outer and not self.joined:
            self.outer.pop()
        thing.unreal = thing.unreal or self.unreal_clause
        self.subjects, self.doing = [thing], None

    # --- prepositions

    def _take_preposition(self, index: int) -> int:
        token = self.tokens[index]
        follower = self.phrases.tag(index + 1)
        if token.text in ("without", "instead of", "before") and follower == "V":
            self.not_next = True
            return index + 1
        if follower in ("", ".", ",", "P", "C", "L", "R", "T", ";") or (
            follower == "V" and token.text not in ("by", "for", "from", "of", "after")
        ):
            if isinstance(self.last, Doing):
                self.last.adverbs.add(token.text)
            self._close_phrasal(token.text, index)
            if follower != "V":
                if follower in ("P", "R") and token.text in ("from", "to"):
                    self.preposition = (token.text, index)
                return index + 1
        if self.preposition is not None and self.preposition[0] == "without":
            return index + 1
        self.preposition = (token.text, index)
        if follower == "V":
            self.preposition = None
        return index + 1

    def _close_phrasal(self, particle: str, index: int) -> None:
        """A particle after the object: kicks the window in; or said of a thing: with the lights on."""
        doing = self.doing
        if doing is not None and isinstance(self.last, Thing) and self.last in doing.objects:
            phrase = f"{doing.lemma} {particle}"
            if self.lexicon.own_verb(phrase):
                doing.terms = {**self.lexicon.verb(phrase), **doing.terms}
                return
        if particle not in ("on", "off", "out", "up", "down"):
            return
        bearers = [self.last] if isinstance(self.last, Thing) else []
        if doing is not None and doing.lemma == "be" and self.last is doing:
            bearers = doing.subjects
        for bearer in bearers:
            bearer.states.append(State(index, self.lexicon.state(particle)))

    def _govern(self, thing: Thing) -> None:
        assert self.preposition is not None
        preposition, index = self.preposition
        if preposition in ("without", "instead of"):
            thing.negated = True
        if preposition == "of" and isinstance(self.last, Thing):
            self._of(self.last, thing)
            return
        if (
            isinstance(self.last, Thing)
            and is_depiction(self.last)
            and preposition in ("for", "about", "with", "showing")
        ):
            thing.unreal = preposition != "with" or self.last.lemma in (
                "sign",
                "poster",
                "picture",
                "screen",
            )
        if thing.lemma == "each other" and self.doing is not None:
            self.doing.mutual = True
        quality = 1.0
        steps = self._chain(self.last) or [*self.subjects]
        to_somebody = preposition == "to" and self.doing is not None and self.doing.lemma in _GIVING
        if (
            (preposition in _DIRECTIONS or to_somebody)
            and self.doing is not None
            and self.last in self.doing.objects
        ):
            steps = steps[1:]  # carrying a bag across the floor: the carrying goes there
        for step, holder in enumerate(steps):
            if (
                step
                and preposition == "with"
                and isinstance(holder, Thing)
                and not is_animate(holder)
            ):
                continue
            holder.places.append(Place(preposition, thing, index, quality))
            if (
                step == 0
                and isinstance(holder, Thing)
                and holder.unreal
                and holder.lemma not in grammar.CAMERA_WORDS
            ):
                thing.unreal = True
            if (
                step == 0
                and preposition in ("on", "in")
                and surface_depicts(thing)
                and isinstance(holder, Thing)
            ):
                holder.unreal = True
            quality *= FURTHER
        if steps:
            self.holder[id(thing)] = steps[0]

    def _chain(self, node: Thing | Doing | State | None) -> list[Thing | Doing]:
        """The node, what it hangs on, what that hangs on ..."""
        chain: list[Thing | Doing] = []
        here = self.doing if isinstance(node, State) else node
        while here is not None and here not in chain and len(chain) < 5:
            assert not isinstance(here, State)
            chain.append(here)
            here = self.holder.get(id(here))
        return chain

    def _of(self, whole: Thing, part: Thing) -> None:
        """a group of men; a painting of a man; the window of a shop."""
        part.negated = part.negated or whole.negated
        self.holder[id(part)] = whole
        first = self.sentence.things and self.sentence.things[0] is whole
        if first and whole.lemma in grammar.CAMERA_WORDS:
            whole.unreal = True
            self.subjects, self.doing = [part], None
            del self.holder[id(part)]
        elif is_depiction(whole):
            part.unreal = True
        elif whole.pronoun or is_quantity(whole):
            whole.terms = {**part.terms, **whole.terms}
            whole.states.extend(part.states)
            whole.modifiers.extend(part.modifiers)
            whole.count = max(whole.count, part.count)
            part.places = whole.places
            whole.owner = part
        else:
            part.unreal = part.unreal or whole.unreal
            whole.owner = part
            whole.places.append(Place("of", part, part.start))

    # --- states, adverbs, negation

    def _take_state(self, index: int) -> int:
        """An adjective on its own: said of the subject after a verb, of the noun before it otherwise."""
        token = self.tokens[index]
        state = State(index, self.phrases.state_terms(index), negated=self.not_next)
        self.not_next = False
        after_verb = self.doing is not None and (isinstance(self.last, (Doing, State)))
        if after_verb and self.doing is not None:
            state.negated = state.negated or self.doing.negated or self.doing.unreal
            self.doing.states.append(state)
            bearers = self.doing.objects or self.doing.subjects
        else:
            bearers = [self.last] if isinstance(self.last, Thing) else self.subjects
        if isinstance(self.last, Thing) and self.subjects and is_animate(self.subjects[0]):
            manner = {"running", "fighting"} & state.terms.keys()
            if manner or any(word in token.text for word in (" his ", " her ", "himself", "herself")):
                bearers = self.subjects  # passes the baton at full speed
        if self.doing is not None and self.last in self.doing.objects:
            phrase = f"{self.doing.lemma} {token.text}"
            if self.lexicon.own_verb(phrase):
                self.doing.terms = {**self.lexicon.verb(phrase), **self.doing.terms}  # pries a door open
        for bearer in bearers:
            bearer.states.append(state)
        self._act_out(state, bearers)
        if isinstance(self.last, Thing) and token.text in ("alone",) and self.subjects:
            for bearer in self.subjects:
                bearer.states.append(state)
        if not isinstance(self.last, Thing):
            self.last = state
        self.preposition = None
        return index + 1

    def _take_adverb(self, index: int) -> None:
        token = self.tokens[index]
        terms = self.lexicon.state(token.text)
        if isinstance(self.last, Doing):
            self.last.adverbs.add(token.text)
        if token.text in ("alone", "asleep", "apart"):
            holders = (
                [self.last]
                if isinstance(self.last, Thing) and self.doing is None
                else self.subjects
            )
            for thing in holders or ([self.last] if isinstance(self.last, Thing) else []):
                thing.states.append(State(index, terms))

    def _take_negation(self, index: int) -> int:
        if self.phrases.tag(index + 1) in ("V", "B", "T", "R"):
            return self._take_verb(index)
        self.not_next = True
        return index + 1

    # --- verbs

    def _take_verb(self, index: int) -> int:
        group = self.phrases.verb_group(index)
        if group is None:
            return index + 1
        doing, finite = group
        finite = finite and not self._describes(doing)
        if self.not_next:
            doing.negated, self.not_next = True, False
        self.sentence.doings.append(doing)
        if doing.form == "to":
            self._infinitive(doing, index)
        elif finite:
            self._finite(doing)
        else:
            self._participle(doing)
        doing.unreal = doing.unreal or self.unreal_clause
        if doing.negated and doing.passive and {"light", "burn"} & doing.terms.keys():
            for thing in doing.subjects:
                thing.negated = thing.negated or "fire" in thing.terms
        if self.gap is not None and self.gap not in doing.subjects:
            doing.objects.append(self.gap)
            self.gap = None
        self.doing = self.last = doing
        self.joined, self.comma, self.preposition = "", False, None
        return doing.end

    def _describes(self, doing: Doing) -> bool:
        """walked / slung: past or participle? After a thing that hangs on somebody, without an object: participle."""
        last = self.last
        if not doing.open_voice or not isinstance(last, Thing) or id(last) not in self.holder:
            return False
        objectless = self.phrases.tag(doing.end) in ("P", "", ".", ",", "C", "R")
        return (
            objectless
            and not is_animate(last)
            and doing.lemma not in INTRANSITIVE
            and not is_worn(last)
        )

    def _finite(self, doing: Doing) -> None:
        if self.outer and self.doing is not None and not self.joined:
            self.subjects, _ = self.outer.pop()
        before = self.tokens[doing.start - 1].tag if doing.start else ""
        if before == "E":
            doing.subjects = []
            return
        if self.once and self.tokens[doing.start].text in ("was", "were", "had", "stood"):
            for thing in self.subjects:
                thing.unreal = True
        if not self.subjects and isinstance(self.last, Thing) and id(self.last) not in self.holder:
            self.subjects = [self.last]
        doing.subjects = list(self.subjects)
        if (
            self.joined
            and self.doing is not None
            and self.doing.unreal
            and self.doing.form == "to"
            and "b" in doing.form
        ):
            doing.unreal = True

    def _infinitive(self, doing: Doing, index: int) -> None:
        governor = self.tokens[index - 1] if index else None
        doing.subjects = list(self.doing.subjects) if self.doing else list(self.subjects)
        if (
            self.doing is not None
            and self.doing.objects
            and self.doing.lemma in ("help", "force", "ask", "tell", "order", "allow")
        ):
            doing.subjects = [o for o in self.doing.objects if is_animate(o)] or doing.subjects
        words = {governor.lemma, governor.text} if governor else set()
        if self.doing is not None and (self.doing is self.last or isinstance(self.last, State)):
            words |= {self.doing.lemma} | ({"stop"} if "fail" in self.doing.lemma else set())
        begun = {"stop"} if governor is not None and governor.lemma == "stop" else set()
        doing.unreal = bool((words - begun) & grammar.UNREAL_GOVERNORS)
        if self.doing is None and isinstance(self.last, Thing):
            doing.unreal = True
        if self.doing is not None and self.doing.unreal:
            doing.unreal = True
        if self.doing is not None and self.doing.negated and self.doing is self.last:
            doing.negated = True

    def _participle(self, doing: Doing) -> None:
        last = self.last
        if self.joined and self.doing is not None:
            doing.subjects = list(self.doing.subjects)
            doing.unreal = self.doing.unreal
            doing.negated = doing.negated or (self.doing.negated and self.joined == "or")
        elif isinstance(last, Doing):
            doing.subjects = list(
                last.objects if last.lemma in _SEEING and last.objects else last.subjects
            )
            doing.unreal = last.unreal or last.lemma in grammar.UNREAL_GOVERNORS - {
                "set",
                "order",
                "learn",
            }
            doing.negated = doing.negated or last.negated
        elif isinstance(last, State) and self.doing is not None:
            doing.subjects = list(self.doing.subjects)
        elif self.comma and self.doing is not None and self.subjects:
            doing.subjects = list(self.subjects)
        elif isinstance(last, Thing):
            doing.subjects = self._bearers(last, doing)
        else:
            doing.subjects = list(self.subjects)
        if "n" in doing.form and not doing.passive and doing.form == "n":
            doing.passive = True

    def _bearers(self, last: Thing, doing: Doing) -> list[Thing]:
        """Whose participle it is: the nearest noun that can do it, up the chain of what it hangs on."""
        candidates: list[Thing] = []
        for node in self._chain(last):
            candidates.extend([node] if isinstance(node, Thing) else node.subjects)
        for candidate in candidates:
            if fits_as_subject(candidate, doing):
                if candidate in self.subjects:
                    return list(self.subjects)
                joined = [candidate, *candidate.partners] if candidate is last else [candidate]
                return joined
        if any(fits_as_subject(subject, doing) for subject in self.subjects):
            return list(self.subjects)
        worn = candidates and is_worn(candidates[0]) and len(candidates) > 1
        return [candidates[1] if worn else last]

    # --- clauses

    def _open_clause(self, index: int) -> None:
        token = self.tokens[index]
        text = token.text
        if text in ("who", "that", "which", "whom") and isinstance(self.last, Thing):
            antecedent = self._antecedent(self.last, text)
            self.outer.append((self.subjects, self.doing))
            self.subjects = (
                [antecedent, *antecedent.partners] if antecedent is self.last else [antecedent]
            )
            self.doing, self.gap = None, None
            return
        self.unreal_clause = text in _UNREAL_OPENERS or (
            text == "as" and self.phrases.text(index + 1) in ("if", "though")
        )
        self.once = text == "where"
        self.outer.clear()
        following = self.phrases.tag(index + 1)
        if following not in ("V", "G"):
            self.doing = None
        self.comma, self.preposition = True, None

    def _antecedent(self, last: Thing, text: str) -> Thing:
        if text != "who":
            return last
        things = [node for node in self._chain(last) if isinstance(node, Thing)]
        return next((thing for thing in things if is_animate(thing)), last)

    def _collect_terms(self) -> None:
        terms = self.sentence.terms
        for thing in self.sentence.things:
            terms.update(thing.terms)
            if " " in thing.lemma:
                terms.update(self.lexicon.noun(thing.lemma.split()[0]))
            for _, lemma, kin in thing.modifiers:
                terms.add(lemma)
                terms.update(kin)
            for state in thing.states:
                terms.update(state.terms)
        for doing in self.sentence.doings:
            terms.update(doing.terms)
            for state in doing.states:
                terms.update(state.terms)
