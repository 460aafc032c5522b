"""What must hold for any sentence, whatever its words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveil.language import Lexicon, Matcher
from surveil.language.wordset import word_set

MATCHER = Matcher(Lexicon.load())
WHO = {
    "man": "men",
    "woman": "women",
    "guard": "guards",
    "child": "children",
    "courier": "couriers",
}
DOES = {
    "climb": ("climbing", "climbs", "climbed", "a fence", "person climbing"),
    "carry": ("carrying", "carries", "carried", "a bag", "person carrying a bag"),
    "push": ("pushing", "pushes", "pushed", "a trolley", "person pushing a cart"),
    "ride": ("riding", "rides", "rode", "a bicycle", "person riding a bicycle"),
    "hold": ("holding", "holds", "held", "a knife", "person with a knife"),
    "enter": ("entering", "enters", "entered", "a shop", "person entering a building"),
    "smash": ("smashing", "smashes", "smashed", "a window", "broken window"),
}
PLACES = ("", " at night", " in front of a garage", " next to a red van", " in the rain")


def asserts(pattern: str, caption: str) -> bool:
    return MATCHER.match(pattern, caption) is not None


@given(st.sampled_from(sorted(WHO)), st.sampled_from(sorted(DOES)), st.sampled_from(PLACES))
def test_a_match_survives_tense_and_number(who: str, verb: str, place: str) -> None:
    doing, does, did, what, pattern = DOES[verb]
    many = WHO[who]
    for sentence in (
        f"a {who} {doing} {what}{place}",
        f"the {who} is {doing} {what}{place}",
        f"a {who} {does} {what}{place}",
        f"a {who} {did} {what}{place}",
        f"the {who} has been {doing} {what}{place}",
        f"two {many} {doing} {what}{place}",
        f"{many} {verb} {what}{place}",
        f"there are several {many} {doing} {what}{place}",
        f"there is a {who} that is {doing} {what}{place}",
        f"a {who} who {did} {what}{place}",
    ):
        assert asserts(pattern, sentence), sentence


@given(st.sampled_from(sorted(WHO)), st.sampled_from(sorted(DOES)), st.sampled_from(PLACES))
def test_no_before_a_match_undoes_it(who: str, verb: str, place: str) -> None:
    doing, _, _, what, pattern = DOES[verb]
    for sentence in (
        f"no {who} {doing} {what}{place}",
        f"there is no {who} {doing} {what}{place}",
        f"the {who} is not {doing} {what}{place}",
        f"nobody is {doing} {what}{place}",
        f"a {who} who is about to {verb} {what}{place}",
    ):
        assert not asserts(pattern, sentence), sentence


@given(
    st.sampled_from(sorted(WHO)),
    st.sampled_from(sorted(DOES)),
    st.sampled_from(("", ".", " .", "!", " ...")),
    st.sampled_from((str.lower, str.upper, str.title, str.swapcase)),
)
def test_case_and_punctuation_do_not_matter(who: str, verb: str, end: str, case: object) -> None:
    doing, _, _, what, pattern = DOES[verb]
    assert callable(case)
    sentence = case(f"a {who} {doing} {what}") + end
    assert asserts(pattern, sentence)
    assert asserts(pattern.upper(), sentence)


@settings(max_examples=300)
@given(st.text(max_size=200), st.text(max_size=40))
def test_no_text_of_any_kind_raises_and_offsets_stay_inside(caption: str, pattern: str) -> None:
    for asked in (pattern, "person climbing", "fire"):
        match = MATCHER.match(asked, caption)
        if match is not None:
            assert 0 <= match.start < match.end <= len(caption)
            assert 0.0 < match.score <= 1.0


WORDS = sorted(
    word_set(
        """
        a the no man men dog running run runs climbing on in with without of and or not is are was by to who that while
        fire broken window two left lying bag . 's there each other about ready up it his
        """
    )
)


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(WORDS), max_size=30),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6),
)
def test_no_order_of_english_words_raises(caption: list[str], pattern: list[str]) -> None:
    MATCHER.match(" ".join(pattern), " ".join(caption))


@pytest.mark.parametrize("text", ["a" * 100_000, "no " * 5_000, "man and " * 5_000, "🔥" * 1_000])
def test_a_text_without_end_is_read_in_bounded_time(text: str) -> None:
    MATCHER.match("person climbing", text)
