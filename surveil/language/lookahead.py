"""Looking past a word that is being tagged, at words that may not have a tag yet."""

from __future__ import annotations

from surveil.language.tokens import Token


def noun_follows(tokens: list[Token], index: int) -> bool:
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


def phrase_follows(tokens: list[Token], index: int) -> bool:
    return next_tag(tokens, index) in ("D", "S", "X")


def next_tag(tokens: list[Token], index: int) -> str:
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


def clause_follows(tokens: list[Token], index: int) -> bool:
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
