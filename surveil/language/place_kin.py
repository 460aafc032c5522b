"""Which prepositions of a caption say what a pattern's says, by what they govern."""

from __future__ import annotations

from surveil.language.constraints import PlaceConstraint
from surveil.language.grammar import PREPOSITION_KIN
from surveil.language.lexicon import Lexicon
from surveil.language.wordset import word_set

_IN_WATER = word_set("in inside into through within under across")
_WORN = word_set("clothes hood mask helmet uniform vest jacket coat shirt hat")
_HARDLY_CARRIED = word_set("hood mask helmet uniform gloves glasses hat")
"""With these is wearing them; with a coat may be carrying it."""
_WIDE = word_set(
    """
    bed, road, street, ground, grass, field, platform, seat, chair, sofa, yard, parking lot, stairs, boat, bus, train,
    balcony, hallway, bench, floor, driveway, sidewalk, court, snow, water
    """
)
"""Where `in` and `on` say the same."""


def kin_of(constraint: PlaceConstraint, lexicon: Lexicon) -> frozenset[str]:
    """Prepositions of a caption that satisfy the pattern's."""
    kin = PREPOSITION_KIN.get(constraint.preposition, frozenset({constraint.preposition}))
    worn = _HARDLY_CARRIED & lexicon.noun(constraint.entity.terms[0]).keys()
    if constraint.preposition == "with" and "person" not in lexicon.noun(
        constraint.entity.terms[0]
    ):
        return frozenset({"with", "holding", *(["wearing"] if worn else [])})
    if constraint.preposition == "in" and _WORN & lexicon.noun(constraint.entity.terms[0]).keys():
        kin |= {"wearing", "with"}
    wide = (
        constraint.preposition in ("on", "in")
        and _WIDE & lexicon.noun(constraint.entity.terms[0]).keys()
    )
    if constraint.preposition == "in" and "water" in lexicon.noun(constraint.entity.terms[0]):
        return _IN_WATER  # at the pool is not in it
    over = {"over"} if constraint.preposition == "in" else set()
    return kin | {"on", "in", "at", "along", *over} if wide else kin
