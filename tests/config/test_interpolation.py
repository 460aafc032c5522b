"""Variables in values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.config.interpolation import expand

ENVIRON = {"HOST": "broker", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}", "broker"),
        ("a-${HOST}-b", "a-broker-b"),
        ("${NONE:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY}", ""),
        ("${NONE:-}", ""),
        ("$${HOST}", "${HOST}"),
        ("$HOST", "$HOST"),
        ("100$", "100$"),
    ],
)
def test_variables_are_put_in(text: str, expected: str) -> None:
    expanded = expand(text, ENVIRON)
    assert (expanded.text, expanded.problems) == (expected, ())


def test_a_missing_variable_is_named() -> None:
    expanded = expand("${NONE}", ENVIRON)
    assert expanded.missing == ("NONE",)
    assert "NONE is not set" in expanded.problems[0]


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A B}", "${HOST"])
def test_a_broken_variable_is_told(text: str) -> None:
    assert "write $${" in expand(text, ENVIRON).problems[0]


def test_values_are_not_expanded_again() -> None:
    """A password may itself look like a variable."""
    assert expand("${A}", {"A": "${B}", "B": "x"}).text == "${B}"


@given(st.text())
def test_a_text_without_the_mark_stays_as_it_is(text: str) -> None:
    plain = text.replace("${", "")
    assert expand(plain, {}).text == plain


@given(st.text())
def test_an_escaped_text_comes_out_as_it_was(text: str) -> None:
    plain = text.replace("$", "")
    assert expand("$${" + plain, {}).text == "${" + plain
