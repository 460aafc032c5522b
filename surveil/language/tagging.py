"""Which word is what: compounds are joined, then each token gets its tag from left to right.

A caption is easy English with hard corners: "a man walks" and "street lights", "a running man" and "a man running".
Each token keeps all its readings; the choice looks at the tag before, the word after, and how often people mean which.
"""

from __future__ import annotations

from surveil.language import grammar
from surveil.language.after_nouns import after_noun
from surveil.language.compounds import joined
from surveil.language.lexicon import Lexicon
from surveil.language.lookahead import next_tag, noun_follows
from surveil.language.lookback import somebody_before, word_before
from surveil.language.readings import add_readings, is_own_verb, is_rather_adjective
from surveil.language.sides import noun_or_adverb
from surveil.language.small_words import reconsider
from surveil.language.tokens import Token, tokenise
from surveil.language.usage import noun_uses, rather_verb, verb_uses
from surveil.language.wordset import word_set

_OPENS_NOUN = frozenset("DAQS")
"""After these a noun is due."""


def tag(text: str, lexicon: Lexicon) -> list[Token]:
    """Tokens of the text, tagged."""
    tokens = joined(tokenise(text), lexicon)
    for token in tokens:
        add_readings(token, lexicon)
    for index in range(len(tokens)):
        _choose(tokens, index)
    return tokens


def _choose(tokens: list[Token], index: int) -> None:
    token = tokens[index]
    if token.tag:
        reconsider(tokens, index)
        return
    kind = noun_or_adverb(tokens, index)
    if kind:
        token.nouns = (token.text,) if kind == "N" else token.nouns
        _set(token, kind)
        return
    before = word_before(tokens, index)
    if before is None and token.verb_forms == "z" and not token.nouns:
        token.nouns = token.verbs  # "logs are stacked": no sentence starts with its verb in -s
    readings = bool(token.nouns) + bool(token.verbs) + token.is_adjective
    if readings <= 1 and not (token.verbs and "b" not in token.verb_forms):
        kind = "N" if token.nouns else "V" if token.verbs else "A" if token.is_adjective else "R"
        _set(token, kind if readings else ("R" if token.is_adverb else "N"))
        return
    _set(token, _decide(tokens, index, before))


def _set(token: Token, kind: str) -> None:
    token.tag = kind
    if kind == "N":
        token.lemma = token.nouns[0] if token.nouns else token.text
    elif kind == "V":
        token.lemma, token.form = token.verbs[0], token.verb_forms
    else:
        token.lemma = token.text


def _decide(tokens: list[Token], index: int, before: Token | None) -> str:
    token = tokens[index]
    kind = before.tag if before is not None else ""
    if kind == "T" or kind in ("M", "O"):
        return _after_to(tokens, index, kind)
    if kind == "A" and set("zd") & set(token.verb_forms) and _is_predicative(tokens, before):
        return "V"  # who is asleep lies
    if kind in _OPENS_NOUN:
        return _inside_noun_phrase(tokens, index)
    if kind == "P":
        return _after_preposition(tokens, index)
    if kind in ("N", "X"):
        assert before is not None
        return after_noun(tokens, index, before)
    if kind in ("V", "B", "H"):
        return _after_verb(tokens, index, kind)
    if kind == "C" or kind == ",":
        return _after_conjunction(tokens, index)
    if kind == "L":
        gerund = token.verb_forms == "g" and noun_follows(tokens, index)
        relative = before is not None and before.text in ("who", "that", "which", "whom")
        return (
            "V" if token.verbs and not gerund and (relative or not token.nouns) else _plain(token)
        )
    return _at_start(tokens, index)


def _is_predicative(tokens: list[Token], adjective: Token | None) -> bool:
    """The adjective follows a verb, or what it is said of (its doors open), so that no noun needs to come."""
    place = next((i for i, token in enumerate(tokens) if token is adjective), 0)
    said_of = "N" if adjective is not None and adjective.text in grammar.AFTER_NOUNS else ""
    return place > 0 and tokens[place - 1].tag in ("B", "V", "R", said_of)


def _after_to(tokens: list[Token], index: int, kind: str) -> str:
    token = tokens[index]
    if "b" not in token.verb_forms or not token.verbs:
        return _inside_noun_phrase(tokens, index)
    if kind == "T" and token.nouns and noun_uses(token.verbs[0]) > 3 * verb_uses(token.verbs[0]):
        return "V" if next_tag(tokens, index) in ("D", "X", "S") else "N"
    return "V"


def _inside_noun_phrase(tokens: list[Token], index: int) -> str:
    token = tokens[index]
    if (
        tokens[index - 1].tag in ("Q", "R")
        and token.verbs
        and "g" not in token.verb_forms
        and not token.nouns
        and not noun_follows(tokens, index)
    ):
        return "V"
    if token.text in grammar.COLOURS and _colour_joined(tokens, index):
        return "A"
    if _the_two_do(tokens, index):
        return "V"
    if noun_follows(tokens, index):
        participle = token.verbs and not set("bz") & set(token.verb_forms)
        if is_rather_adjective(token) or participle:
            return "A"
        return "N" if token.nouns else "V"
    if token.nouns:
        return "N"
    head_before = tokens[index - 1].tag == "A" and set("dz") & set(token.verb_forms)
    if head_before and not token.is_adjective:
        return "V"  # the men on the left fought
    return "A" if token.is_adjective or token.verb_forms != "b" else "V"


def _the_two_do(tokens: list[Token], index: int) -> bool:
    """The two *shake* hands, the two then *kick* a bin."""
    token, number = tokens[index], index - 1
    while number > 0 and tokens[number].tag == "R":
        number -= 1
    told = number > 0 and tokens[number].tag == "Q" and tokens[number - 1].text == "the"
    if not told or "b" not in token.verb_forms or token.is_adjective:
        return False
    return not token.nouns or rather_verb(token.verbs[0])


def _colour_joined(tokens: list[Token], index: int) -> bool:
    """The *black* and white shirt."""
    after = tokens[index + 1 : index + 3]
    return (
        len(after) == 2
        and after[0].text == "and"
        and after[1].text in grammar.COLOURS
        and noun_follows(tokens, index + 2)
    )


def _after_preposition(tokens: list[Token], index: int) -> str:
    token = tokens[index]
    if token.verbs and not token.nouns and not set("gnb") & set(token.verb_forms):
        return "V"  # the waiter behind ran out
    if token.verb_forms == "g":
        before = tokens[index - 1].text
        bare = noun_follows(tokens, index) and before in ("with", "in", "on", "near", "at")
        return "A" if bare else "V"
    return _inside_noun_phrase(tokens, index)


def _after_verb(tokens: list[Token], index: int, kind: str) -> str:
    token = tokens[index]
    if kind in ("B", "H"):
        there_is = index > 1 and tokens[index - 2].tag == "E" and "n" in token.verb_forms
        if there_is and noun_follows(tokens, index):
            return "A"  # there is broken glass
        if token.verb_forms == "g" or "n" in token.verb_forms:
            return "V"
        if token.is_adjective:
            return "A"
        return "N" if token.nouns else "V"
    if tokens[index - 1].text in ("got", "gets", "get", "getting") and "n" in token.verb_forms:
        return "V"
    if token.verb_forms == "g":
        before = tokens[index - 1]
        worn = noun_follows(tokens, index) and before.lemma in (
            "wear",
            "hold",
            "carry",
            "use",
            "have",
        )
        return "A" if worn else "V"
    if noun_follows(tokens, index) and (token.is_adjective or "n" in token.verb_forms):
        return "A"
    if token.nouns:
        return "N"
    return "A" if token.is_adjective else "V"


def _after_conjunction(tokens: list[Token], index: int) -> str:
    token = tokens[index]
    if token.text in grammar.COLOURS and noun_follows(tokens, index):
        return "A"  # in a green cap, yellow boots
    if token.verbs and token.verb_forms == "g":
        return "A" if token.is_adjective and noun_follows(tokens, index) else "V"
    forms = {form for earlier in tokens[:index] if earlier.tag == "V" for form in earlier.form}
    if any(earlier.text in ("is", "has", "was", "'s") for earlier in tokens[:index]):
        forms.add("z")
    finite = token.verbs and (set(token.verb_forms) & forms)
    if token.verb_forms == "z" and next_tag(tokens, index) in ("D", "S", "X"):
        return "V"  # got stuck and blocks the road
    if token.nouns and finite:
        earlier_noun = any(earlier.tag == "N" for earlier in tokens[max(0, index - 3) : index])
        follows = next_tag(tokens, index)
        known = 8 if is_own_verb(token.verbs[0]) and somebody_before(tokens, index) else 2
        verby = follows in ("D", "P", "S", "X", "R", "T") and verb_uses(
            token.verbs[0]
        ) * known >= noun_uses(token.verbs[0])
        ends = follows in ("", ".", ",", "C") and token.verb_forms == "z"
        verby = verby or (ends and rather_verb(token.verbs[0]))  # walks up to the screen and leaves
        return "V" if verby or not earlier_noun else "N"
    if token.verbs and not token.nouns:
        participle = "n" in token.verb_forms and not ("d" in token.verb_forms and "d" in forms)
        return "A" if noun_follows(tokens, index) and participle else "V"
    return _plain(token)


def _at_start(tokens: list[Token], index: int) -> str:
    token = tokens[index]
    if token.verb_forms == "g":
        return "A" if noun_follows(tokens, index) and not takes_object(token.verbs[0]) else "V"
    if noun_follows(tokens, index) and (is_rather_adjective(token) or "n" in token.verb_forms):
        return "A"
    return _plain(token)


def _plain(token: Token) -> str:
    if token.nouns:
        return "N"
    return "A" if token.is_adjective else "V" if token.verbs else "R"


def takes_object(verb: str) -> bool:
    """Whether a bare noun after the participle is its object ("carrying bag") and not its bearer ("burning house")."""
    return verb in _TRANSITIVE


_TRANSITIVE = word_set(
    """
    carry hold climb push pull ride drive open wear use throw break smash steal cut paint wash clean
    drag take put scale enter leave cross block touch kick hit punch feed walk load unload deliver pick
    climb grab fix repair cook eat drink read write jump chase follow wave point aim fire shoot sell buy
    lift move rob damage photograph film play operate dig sweep mop pour spill approach pet hug attack
    beat vandalize pry pry pack exit crash
    """
)
