"""Which word is what: compounds are joined, then each token gets its tag from left to right.

A caption is easy English with hard corners: "a man walks" and "street lights", "a running man" and "a man running".
Each token keeps all its readings; the choice looks at the tag before, the word after, and how often people mean which.
"""

from __future__ import annotations

from surveil.rules import grammar
from surveil.rules.compounds import joined
from surveil.rules.lexicon import Lexicon
from surveil.rules.readings import add_readings, is_living
from surveil.rules.tokens import Token, tokenise
from surveil.rules.usage import noun_uses, rather_adjective, verb_uses
from surveil.rules.wordset import word_set

_OPENS_NOUN = frozenset("DAQS")
"""After these a noun is due."""
_STARTS_PHRASE = frozenset('DSPXTLRCGQ,.;:!?()"')
"""A word before one of these is complete: if it may be a verb, its object or place follows."""
_SMALL_CLASSES = frozenset("DQXSBHOMTPCLGE")


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
        _reconsider(tokens, index)
        return
    before = _before(tokens, index)
    worn = before is not None and before.text in ("in", "wearing")
    if token.text in grammar.COLOURS and worn and _acts_next(tokens, index):
        token.nouns = (token.text,)
        _set(token, "N")
        return
    if before is None and token.verb_forms == "z" and not token.nouns:
        token.nouns = (
            token.verbs
        )  # "logs are stacked": a sentence does not start with its verb in -s
    readings = bool(token.nouns) + bool(token.verbs) + token.is_adjective
    if readings <= 1 and not (token.verbs and "b" not in token.verb_forms):
        kind = "N" if token.nouns else "V" if token.verbs else "A" if token.is_adjective else "R"
        _set(token, kind if readings else ("R" if token.is_adverb else "N"))
        return
    _set(token, _decide(tokens, index, before))


def _acts_next(tokens: list[Token], index: int) -> bool:
    """The man in black *leaves the* shop: after the colour comes what he does, not what is black."""
    if index + 1 >= len(tokens):
        return False
    token = tokens[index + 1]
    if not set("gdnz") & set(token.verb_forms):
        return False
    return not token.nouns or _next_tag(tokens, index + 1) in ("D", "S", "X", "P", "R", "T", "")


def _before(tokens: list[Token], index: int) -> Token | None:
    """The token before, adverbs skipped."""
    for back in range(index - 1, -1, -1):
        if tokens[back].tag not in ("R", "G"):
            return tokens[back]
    return None


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
    if kind in _OPENS_NOUN:
        return _inside_noun_phrase(tokens, index)
    if kind == "P":
        return _after_preposition(tokens, index)
    if kind in ("N", "X"):
        return _after_noun(tokens, index, before)
    if kind in ("V", "B", "H"):
        return _after_verb(tokens, index, kind)
    if kind == "C" or kind == ",":
        return _after_conjunction(tokens, index)
    if kind == "L":
        gerund = token.verb_forms == "g" and _noun_follows(tokens, index)
        relative = before is not None and before.text in ("who", "that", "which", "whom")
        return (
            "V" if token.verbs and not gerund and (relative or not token.nouns) else _plain(token)
        )
    return _at_start(tokens, index)


def _after_to(tokens: list[Token], index: int, kind: str) -> str:
    token = tokens[index]
    if "b" not in token.verb_forms or not token.verbs:
        return _inside_noun_phrase(tokens, index)
    if kind == "T" and token.nouns and noun_uses(token.verbs[0]) > 3 * verb_uses(token.verbs[0]):
        return "V" if _next_tag(tokens, index) in ("D", "X", "S") else "N"
    return "V"


def _inside_noun_phrase(tokens: list[Token], index: int) -> str:
    token = tokens[index]
    if (
        tokens[index - 1].tag == "Q"
        and token.verbs
        and not token.nouns
        and not _noun_follows(tokens, index)
    ):
        return "V"
    if _noun_follows(tokens, index):
        participle = token.verbs and not set("bz") & set(token.verb_forms)
        if _rather_adjective(token) or participle:
            return "A"
        return "N" if token.nouns else "V"
    if token.nouns:
        return "N"
    head_before = tokens[index - 1].tag == "A" and set("dz") & set(token.verb_forms)
    if head_before and not token.is_adjective:
        return "V"  # the men on the left fought
    return "A" if token.is_adjective or token.verb_forms != "b" else "V"


def _rather_adjective(token: Token) -> bool:
    if not token.is_adjective or not token.nouns or token.text in grammar.PLAIN_ADJECTIVES:
        return token.is_adjective
    return rather_adjective(token.text)


def _after_preposition(tokens: list[Token], index: int) -> str:
    token = tokens[index]
    if token.verbs and not token.nouns and not set("gnb") & set(token.verb_forms):
        return "V"  # the waiter behind ran out
    if token.verb_forms == "g":
        before = tokens[index - 1].text
        bare = _noun_follows(tokens, index) and before in ("with", "in", "on", "near", "at")
        return "A" if bare else "V"
    return _inside_noun_phrase(tokens, index)


def _after_noun(tokens: list[Token], index: int, before: Token | None) -> str:
    token = tokens[index]
    assert before is not None
    if token.verb_forms == "g" or "n" in token.verb_forms or "d" in token.verb_forms:
        return "V"
    if not token.verbs:
        return "N" if token.nouns and not _rather_adjective(token) else "A"
    if not token.nouns:
        postnominal = token.is_adjective and not (
            before.form == "p" and _phrase_follows(tokens, index)
        )
        return "A" if postnominal and "z" not in token.verb_forms else "V"
    agrees = (
        "z" in token.verb_forms
        if before.form != "p" and before.tag == "N"
        else "b" in token.verb_forms
    )
    uses = verb_uses(token.verbs[0]), noun_uses(token.verbs[0])
    verbless = not _verb_so_far(tokens, index)
    if before.tag == "X" or (uses[0] > uses[1] and verbless):
        agrees = True
    subject = _somebody_before(tokens, index) if verbless else None
    if subject is not None and subject is not before and _in_a_phrase(tokens, index):
        agrees = ("z" if subject.form != "p" else "b") in token.verb_forms
    if not agrees:
        return "N"
    lives = (
        before.tag == "X"
        or before.form == "p"
        or is_living(before)
        or (verbless and subject is not None)
    )
    follows = _next_tag(tokens, index)
    likely = uses[0] * ((8 if verbless else 4) if lives else 1) >= uses[1] or follows in (
        "D",
        "S",
        "X",
    )
    return (
        "V"
        if likely
        and (follows in _STARTS_PHRASE or follows in ("", "N", "A", "V"))
        and not (follows in ("N",) and not lives)
        else "N"
    )


def _somebody_before(tokens: list[Token], index: int) -> Token | None:
    return next((token for token in tokens[:index] if token.tag == "N" and is_living(token)), None)


def _in_a_phrase(tokens: list[Token], index: int) -> bool:
    """The noun before stands in a prepositional phrase: a man in a green coat [smokes]."""
    for token in reversed(tokens[:index]):
        if token.tag == "P":
            return True
        if token.tag not in ("N", "A", "D", "Q", "S"):
            return False
    return False


def _verb_so_far(tokens: list[Token], index: int) -> bool:
    for token in reversed(tokens[:index]):
        if token.tag in (".", ";", "L"):
            return False
        if token.tag in ("V", "B", "H", "M"):
            return True
    return False


def _after_verb(tokens: list[Token], index: int, kind: str) -> str:
    token = tokens[index]
    if kind in ("B", "H"):
        if token.verb_forms == "g" or "n" in token.verb_forms:
            return "V"
        if token.is_adjective:
            return "A"
        return "N" if token.nouns else "V"
    if token.verb_forms == "g":
        before = tokens[index - 1]
        worn = _noun_follows(tokens, index) and before.lemma in (
            "wear",
            "hold",
            "carry",
            "use",
            "have",
        )
        return "A" if worn else "V"
    if _noun_follows(tokens, index) and (token.is_adjective or "n" in token.verb_forms):
        return "A"
    if token.nouns:
        return "N"
    return "A" if token.is_adjective else "V"


def _after_conjunction(tokens: list[Token], index: int) -> str:
    token = tokens[index]
    if token.verbs and token.verb_forms == "g":
        return "A" if token.is_adjective and _noun_follows(tokens, index) else "V"
    forms = {form for earlier in tokens[:index] if earlier.tag == "V" for form in earlier.form}
    if any(earlier.text in ("is", "has", "was", "'s") for earlier in tokens[:index]):
        forms.add("z")
    finite = token.verbs and (set(token.verb_forms) & forms)
    if token.nouns and finite:
        earlier_noun = any(earlier.tag == "N" for earlier in tokens[max(0, index - 3) : index])
        follows = _next_tag(tokens, index)
        verby = follows in ("D", "P", "S", "X", "R", "T") and verb_uses(
            token.verbs[0]
        ) * 2 >= noun_uses(token.verbs[0])
        return "V" if verby or not earlier_noun else "N"
    if token.verbs and not token.nouns:
        participle = "n" in token.verb_forms and not ("d" in token.verb_forms and "d" in forms)
        return "A" if _noun_follows(tokens, index) and participle else "V"
    return _plain(token)


def _at_start(tokens: list[Token], index: int) -> str:
    token = tokens[index]
    if token.verb_forms == "g":
        return "A" if _noun_follows(tokens, index) and not takes_object(token.verbs[0]) else "V"
    if _noun_follows(tokens, index) and (_rather_adjective(token) or "n" in token.verb_forms):
        return "A"
    return _plain(token)


def _plain(token: Token) -> str:
    if token.nouns:
        return "N"
    return "A" if token.is_adjective else "V" if token.verbs else "R"


def _reconsider(tokens: list[Token], index: int) -> None:
    """Small words whose tag depends on the neighbours."""
    token = tokens[index]
    text = token.text
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    before = tokens[index - 1] if index else None
    if text == "to":
        verb = following is not None and "b" in following.verb_forms and following.tag in ("", "V")
        be = (
            following is not None
            and following.tag in ("B", "H", "O")
            and following.text in ("be", "have", "do")
        )
        token.tag = (
            "T" if be or (verb and not (before and before.text in ("next", "close"))) else "P"
        )
    elif text == "'s":
        owner = (
            before is not None
            and before.tag in ("N", "X")
            and before.text not in ("he", "she", "it", "there")
        )
        token.tag = "S" if owner and _noun_follows(tokens, index) else "B"
    elif text == "there":
        token.tag = "E" if following is not None and following.tag in ("B", "M", "H") else "R"
    elif text in ("her", "his"):
        token.tag = "S" if _noun_follows(tokens, index) else "X"
    elif text == "that":
        token.tag = (
            "L" if (before is not None and before.tag in ("N", "X", "V")) or before is None else "D"
        )
        if before is not None and before.tag == "V" and _noun_follows(tokens, index):
            token.tag = "D"
    elif text == "back" or text == "front":
        token.tag = "R" if not _noun_follows(tokens, index) else "A"
        if before is not None and before.tag in _OPENS_NOUN:
            token.tag, token.nouns = ("A" if _noun_follows(tokens, index) else "N"), (text,)
    elif text in ("after", "before", "until", "since", "like", "than") and _clause_follows(
        tokens, index
    ):
        token.tag = "L"
    elif text in (
        "one",
        "another",
        "both",
        "some",
        "all",
        "each",
        "many",
        "several",
        "others",
    ) and not _noun_follows(tokens, index):
        token.tag = "X"
    elif (
        token.tag == "P"
        and text in ("past", "inside", "outside", "opposite", "down", "up")
        and before is not None
        and before.tag in ("D", "S", "A")
    ):
        token.tag = "A" if _noun_follows(tokens, index) else "N"
    token.lemma = token.lemma or text


def _clause_follows(tokens: list[Token], index: int) -> bool:
    """One noun phrase and then its verb: "before he climbs", "before the fight could begin"."""
    place, seen = index + 1, 0
    while place < len(tokens) and place < index + 8:
        token = tokens[place]
        if seen and (token.tag in ("B", "M", "H", "O") or set("zd") & set(token.verb_forms)):
            return token.text != "being"
        if seen and token.tag in ("D", "S", "Q", "P", ",", "."):
            return False
        seen += token.tag == "X" or bool(token.nouns)
        place += 1
    return False


def _noun_follows(tokens: list[Token], index: int) -> bool:
    """The next word, adjectives skipped, may be a noun that this one belongs to."""
    for token in tokens[index + 1 : index + 4]:
        if token.tag == "N" or (token.nouns and not token.tag):
            return True
        if (
            token.tag == "Q"
            or token.is_adjective
            or (not token.tag and token.verb_forms in ("g", "n", "dn"))
        ):
            continue
        return False
    return False


def _phrase_follows(tokens: list[Token], index: int) -> bool:
    return _next_tag(tokens, index) in ("D", "S", "X")


def _next_tag(tokens: list[Token], index: int) -> str:
    if index + 1 >= len(tokens):
        return ""
    token = tokens[index + 1]
    if token.tag:
        return token.tag
    if token.is_adverb and not token.nouns and not token.verbs:
        return "R"
    return (
        "V"
        if token.verb_forms == "g"
        else "N"
        if token.nouns
        else "A"
        if token.is_adjective
        else "V"
    )


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
