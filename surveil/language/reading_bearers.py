"""Whose a participle or a verb is: the nearest that can do it, and no garment for its wearer."""

from __future__ import annotations

from surveil.language.meaning import fits_as_subject, is_animate, is_worn
from surveil.language.reading_nouns import NounReading
from surveil.language.sentence import Entity, Predicate
from surveil.language.wordset import word_set

_GARMENTS_CAN = word_set(
    "be have hang lie fall drop flap blow fly cover show open tear burn get catch"
)
"""What clothes do themselves; all else is done by who wears them."""
_BY_SOMEBODY = word_set(
    """
    smoke hang park drive open close pull write paint build wash wave swing fly load tie strap wrap catch stack move
    stand lay lean throw
    """
)
"""What things can do, but hardly to another thing: the circle smokes no cigarettes, who stands in it does."""
_POSTURES = word_set(
    "stand sit walk run come go move turn wait wave enter leave look approach cross drive ride climb"
)
"""With these after his bag a man is meant, not the bag."""
_OBJECT_NEXT = frozenset("DNSQA")


class BearerReading(NounReading):
    """Who does what a verb group says."""

    def _doers(self, predicate: Predicate) -> list[Entity]:
        """The subjects, or who wears them: in "a man in a cap, black pants walks" no clothes do."""
        worn = bool(self.subjects) and all(map(is_worn, self.subjects)) and not predicate.passive
        if worn and predicate.lemma not in _GARMENTS_CAN:
            return self._wearers() or self.subjects
        return self.subjects

    def _wearers(self) -> list[Entity]:
        for earlier in reversed(self.sentence.entities):
            if is_animate(earlier) and id(earlier) not in self.holder:
                return [earlier]
        return []

    def _bearers(self, last: Entity, predicate: Predicate) -> list[Entity]:
        """Whose participle it is: the nearest noun that can do it, up the chain of what it hangs on."""
        candidates = self._candidates(last, predicate)
        for candidate in candidates:
            if fits_as_subject(candidate, predicate):
                if candidate in self.subjects:
                    return list(self.subjects)
                return [candidate, *candidate.partners] if candidate is last else [candidate]
        if any(fits_as_subject(subject, predicate) for subject in self.subjects):
            return list(self.subjects)
        worn = candidates and is_worn(candidates[0]) and len(candidates) > 1
        return [candidates[1] if worn else last]

    def _candidates(self, last: Entity, predicate: Predicate) -> list[Entity]:
        """Up the chain; only the living where things hardly do it, or where the last is but held."""
        candidates: list[Entity] = []
        for node in self._chain(last):
            candidates.extend([node] if isinstance(node, Entity) else node.subjects)
        by_somebody = (
            predicate.lemma in _BY_SOMEBODY and self.phrases.tag(predicate.end) in _OBJECT_NEXT
        )
        held = candidates[:1] == [last] and self._is_with(last)
        living = [candidate for candidate in candidates if is_animate(candidate)]
        if living and (by_somebody or (held and predicate.lemma in _POSTURES)):
            return living
        return candidates

    def _is_with(self, entity: Entity) -> bool:
        """A woman *with a bag* standing: she stands."""
        holder = self.holder.get(id(entity))
        if not isinstance(holder, Entity) or not is_animate(holder) or is_animate(entity):
            return False
        return any(p.entity is entity and p.preposition in ("with", "in") for p in holder.places)
