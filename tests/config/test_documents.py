"""YAML 1.2 with lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveil.config.documents import MAX_VALUES, parse
from tests.support.fuzz import THOUSANDS


def value_of(text: str) -> Any:
    document = parse(text, environ={})
    assert document.problems == []
    return document.value


def problem_of(text: str) -> str:
    (problem,) = parse(text, environ={}).problems
    return problem.at("c.yaml")


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("22:00", "22:00"),
        ("off", "off"),
        ("on", "on"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("-3", -3),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
    ],
)
def test_scalars_follow_the_core_schema_of_1_2(scalar: str, value: object) -> None:
    found = value_of(f"a: {scalar}\n")["a"]
    assert (found, type(found)) == (value, type(value))


def test_a_number_of_thousands_of_digits_is_a_text() -> None:
    assert value_of(f"a: {'9' * 5000}")["a"] == "9" * 5000


def test_lines_are_those_of_keys_and_items() -> None:
    document = parse("a:\n  b: 1\n\nc:\n  - x\n  -\n    d: 2\n", environ={})
    assert document.line(("a", "b")) == 2
    assert document.line(("c", 0)) == 5
    assert document.line(("c", 1, "d")) == 7
    assert document.line(("c", 1, "not there")) == 7


def test_merges_bring_keys_in_and_own_keys_win() -> None:
    text = "x-d: &d {a: 1, b: 2}\nx-e: &e {b: 3, c: 4}\nm: {<<: [*d, *e], a: 9}\n"
    assert value_of(text) == {"m": {"a": 9, "b": 2, "c": 4}}


def test_keys_are_texts_whatever_they_look_like() -> None:
    assert value_of("911: x\noff: y\n") == {"911": "x", "off": "y"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "c.yaml:3: a: is given twice, first on line 1"),
        ("a:\n\tb: 1\n", "c.yaml:2: is indented with a tab"),
        ("a: 1\n b: 2\n", "c.yaml:2: is not YAML: a colon where none may stand"),
        ("a: *hidden\n", "c.yaml:1: a value begins with *"),
        ("a: !hidden\n", "c.yaml:1: a: begins with !"),
        ("a: %hidden\n", "c.yaml:1: is not YAML: a value begins with a sign"),
        ('a: "hidden\n', "c.yaml:2: is not YAML: a quote that is opened here is never closed"),
        ("a: 1\n---\nb: 2\n", "c.yaml:2: holds more than one document"),
        ("a: \x01", "c.yaml:1: holds a character that is no text (code U+0001)"),
        ("a: &x\n  b: *x\n", "c.yaml:1: is nested over"),
        ("[" * 5000, "c.yaml:1: is nested too deeply"),
        ("? [a]\n: 1\n", "c.yaml:1: a key must be a word"),
        ("a: {<<: 5}\n", "c.yaml:1: a: << takes an alias"),
    ],
)
def test_broken_yaml_is_told_with_its_line_and_nothing_of_its_text(
    text: str, expected: str
) -> None:
    found = problem_of(text)
    assert found.startswith(expected)
    assert "hidden" not in found


def test_an_alias_bomb_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert f"over {MAX_VALUES} values" in problem_of("\n".join(lines))


@THOUSANDS
@given(st.text(alphabet=st.sampled_from("ab:- \n\t[]{}&*!|>'\"#%@,?$<~x0"), max_size=80))
def test_any_text_gives_plain_values_or_problems_with_lines(text: str) -> None:
    document = parse(text, environ={})
    assert is_plain(document.value)
    assert all(problem.line is not None and problem.line >= 1 for problem in document.problems)


def is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(is_plain(item) for item in value)
    return value is None or type(value) in (str, int, float, bool)


def test_sections_merged_into_each_other_again_and_again_are_refused_at_once() -> None:
    """`<<` copies keys; nine levels of ten copies each are a thousand million of them in under a kilobyte."""
    lines = ["x0: &x0 {" + ", ".join(f"k{i}: 1" for i in range(10)) + "}"]
    for level in range(1, 10):
        again = ", ".join([f"*x{level - 1}"] * 10)
        lines.append(f"x{level}: &x{level} {{<<: [{again}]}}")
    text = "\n".join(lines)
    assert len(text) < 1_000
    document = parse(text, environ={})
    assert ["grows to over" in problem.text for problem in document.problems] == [True]
