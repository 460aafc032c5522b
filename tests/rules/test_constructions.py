"""Constructions of English that a caption may use, each with what it asserts. Written for this file."""

from __future__ import annotations

import pytest

from surveil.rules import Lexicon, Matcher

MATCHER = Matcher(Lexicon.load())


def asserts(pattern: str, caption: str) -> bool:
    return MATCHER.match(pattern, caption) is not None


@pytest.mark.parametrize(
    ("pattern", "caption"),
    [
        # a particle before the object
        ("person kicking a crate", "a clerk kicks in a crate"),
        # a main clause after a subordinate one
        ("people running", "when the siren went off the workers ran across the yard"),
        # the subject after its verb
        ("person walking in a garden", "through the garden walks an old nun"),
        # what is said of a part, then of its bearer
        ("person wearing a blue coat", "a farmer whose coat is blue waits by the barn"),
        ("person sitting on a bench", "a tourist who is drunk sits on the bench"),
        # it
        ("open door", "the porter unlocked the door, it stands open"),
        # causing
        ("tractor blocking a road", "a tractor keeps the road blocked"),
        # covering, both ways round
        ("car covered in mud", "a hatchback buried under mud"),
        ("car covered in mud", "the mud covered the hatchback"),
        ("leaves on the lawn", "the lawn is strewn with leaves"),
        # stuffs and their adjectives
        ("foggy bridge", "fog hangs over the bridge"),
        ("dusty room", "dust covers the room"),
        # worn things as adjectives
        ("person wearing a helmet", "a helmeted miner enters a tunnel"),
        # the ridden thing goes where its rider goes
        ("scooter on a lawn", "a girl on a scooter rides across the lawn"),
        # an adjective and a noun that WordNet takes for one name
        ("elderly person running", "an old man runs for a bus"),
        # the other one
        ("person punching another person", "two boys quarrel and one punches the other"),
        # light verbs: the noun says what is done
        ("person kicking a machine", "a man gives the machine a kick"),
        # company
        ("person with a dog", "a sailor and his dog on a pier"),
        ("person carrying a baby", "a mother with a baby in her arms"),
        ("person threatening a clerk", "a robber points his rifle at a clerk"),
        ("person jumping over a gate", "a girl leaps the gate"),
        ("person holding a can", "a boy holding a spray can"),
    ],
)
def test_a_construction_asserts(pattern: str, caption: str) -> None:
    assert asserts(pattern, caption)


@pytest.mark.parametrize(
    ("pattern", "caption"),
    [
        ("cat on a wall", "the cat sat on the wall before, now the wall is bare"),
        ("child climbing a tree", "a notice showing a child climbing a tree"),
        ("dog biting a person", "the dog does not chase or bite the vet"),
        ("person kicking a door", "a man lifted his foot to kick the door but did not kick it"),
        ("person helping a person", "a nurse runs toward a boy to help him"),
        ("person punching another person", "two dogs play and one bites the other"),
        ("people boxing", "a man gives a girl a box"),
        ("person using a hose", "a man washes a hose"),
    ],
)
def test_a_construction_denies(pattern: str, caption: str) -> None:
    assert not asserts(pattern, caption)
