"""YAML as version 1.2 reads it, with the line of every key.

PyYAML follows version 1.1, where `22:00` is 1320 and `off` is false. Here only true, false, null and numbers are not
text. Keys that come twice, tags and alias bombs are refused. Nothing is constructed but str, int, float, bool, None,
dict and list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode, YAMLError
from yaml.composer import Composer, ComposerError
from yaml.error import Mark, MarkedYAMLError
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from surveil.config.interpolation import expand
from surveil.config.problems import Loc, Mistake, printable

MAX_VALUES = 20_000
"""Values after aliases are followed. 64 cameras with everything set are under 5,000; an alias bomb is millions."""
MAX_DEPTH = 24

_TAG = "tag:yaml.org,2002:"
_CORE = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "merge": r"<<",
}
"""The core schema of YAML 1.2.2, section 10.3.2, and the merge key of 1.1, which people use."""


class _Resolver(BaseResolver):
    """Which plain scalars are not text."""


for _name, _pattern in _CORE.items():
    _Resolver.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), None)


class _Loader(Reader, Scanner, Parser, Composer, _Resolver):
    """Text -> nodes with marks; no constructor at all."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)


@dataclass(slots=True)
class Document:
    """A YAML document as plain values, with what is needed to speak about it."""

    value: Any = None
    lines: dict[Loc, int] = field(default_factory=dict)
    """Line of the key, or of the list item."""
    raw: dict[Loc, str] = field(default_factory=dict)
    """What stands in the file where variables were put in."""
    missing: dict[Loc, tuple[str, ...]] = field(default_factory=dict)
    """Variables that are not set, by the value that names them."""
    problems: list[Mistake] = field(default_factory=list)

    def line(self, loc: Loc) -> int:
        """The line of the key; of the nearest thing around it when it is not there."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def get(self, loc: Loc) -> Any:
        """The value at this place, None where there is none."""
        here = self.value
        for part in loc:
            if isinstance(here, dict):
                here = here.get(part)
            elif isinstance(here, list) and isinstance(part, int) and part < len(here):
                here = here[part]
            else:
                return None
        return here

    def holds(self, loc: Loc) -> bool:
        """Whether the file has this place, even with nothing in it."""
        return loc in self.lines

    def report(self, loc: Loc, text: str) -> None:
        """Keep a problem, with its line."""
        self.problems.append(Mistake(self.line(loc), loc, text))


def parse(text: str, *, environ: Mapping[str, str]) -> Document:
    """The document in the text, variables put in. What is wrong is in its `problems`; never raises."""
    document = Document()
    try:
        node = _Loader(text).get_single_node()
    except YAMLError as error:
        document.problems.append(_syntax_problem(error, text))
        return document
    except RecursionError:
        document.problems.append(Mistake(1, (), "is nested too deeply to be a configuration"))
        return document
    if node is not None:
        _Reading(document, environ).read(node)
    return document


class _Refused(Exception):
    """The document is not to be read any further."""


class _Reading:
    """Walks the nodes of one document."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._count = 0

    def read(self, node: Node) -> None:
        try:
            self._document.value = self._value(node, ())
        except _Refused as refused:
            self._document.problems.append(Mistake(_line(node.start_mark), (), str(refused)))

    def _value(self, node: Node, loc: Loc) -> Any:
        self._count_one()
        if len(loc) > MAX_DEPTH:
            raise _Refused(f"is nested over {MAX_DEPTH} deep, or an alias holds itself")
        self._document.lines.setdefault(loc, _line(node.start_mark))
        if isinstance(node, MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, SequenceNode):
            self._check_tag(node, loc, "seq")
            return [self._value(item, (*loc, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, loc)

    def _count_one(self) -> None:
        """Every value, and every key that `<<` brings in, also one that another hides: sections merged into each other
        nine deep are a thousand million."""
        self._count += 1
        if self._count > MAX_VALUES:
            raise _Refused(
                f"grows to over {MAX_VALUES} values when its aliases (*name) are followed; write fewer"
            )

    def _mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        self._check_tag(node, loc, "map")
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                for name, entry in self._merge(value, loc):
                    merged.setdefault(name, entry)
            elif isinstance(key, ScalarNode):
                self._keep_once(own, (key, value), loc)
            else:
                self._problem(key, loc, "a key must be a word, not a list or a section")
        entries = {**merged, **own}
        if loc == ():
            entries = {name: entry for name, entry in entries.items() if not name.startswith("x-")}
        return {name: self._entry(name, *entry, loc) for name, entry in entries.items()}

    def _keep_once(
        self, own: dict[str, tuple[Node, Node]], entry: tuple[Node, Node], loc: Loc
    ) -> None:
        key = entry[0]
        if key.value in own:
            first = _line(own[key.value][0].start_mark)
            self._problem(
                key, (*loc, key.value), f"is given twice, first on line {first}: keep one of them"
            )
        own.setdefault(key.value, entry)

    def _entry(self, name: str, key: Node, value: Node, loc: Loc) -> Any:
        self._document.lines[(*loc, name)] = _line(key.start_mark)
        return self._value(value, (*loc, name))

    def _merge(
        self, node: Node, loc: Loc, depth: int = 0
    ) -> Iterator[tuple[str, tuple[Node, Node]]]:
        """Keys that `<<` brings in, those that win first."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        for source in sources:
            self._count_one()
            if not isinstance(source, MappingNode) or depth > MAX_DEPTH:
                self._problem(node, loc, "<< takes an alias of a section, such as <<: *defaults")
                return
            for key, value in source.value:
                self._count_one()
                if key.tag == _TAG + "merge":
                    yield from self._merge(value, loc, depth + 1)
                elif isinstance(key, ScalarNode):
                    yield key.value, (key, value)

    def _scalar(self, node: ScalarNode, loc: Loc) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("null", "bool", "int", "float") and not node.style:
            return _SCALARS[kind](node.value)
        if kind != "merge":
            self._check_tag(node, loc, "str")
        expanded = expand(node.value, self._environ)
        for text in expanded.problems:
            self._problem(node, loc, text)
        if expanded.missing:
            self._document.missing[loc] = expanded.missing
        if expanded.replaced:
            self._document.raw[loc] = node.value
        return expanded.text

    def _check_tag(self, node: Node, loc: Loc, expected: str) -> None:
        """The tag itself is not shown: `password: !x7` is a secret that lacks its quotes."""
        if node.tag != _TAG + expected:
            self._problem(
                node, loc, "begins with !, which YAML reads as a tag; put the value in quotes"
            )

    def _problem(self, node: Node, loc: Loc, text: str) -> None:
        self._document.problems.append(Mistake(_line(node.start_mark), loc, text))


def _whole_number(text: str) -> Any:
    try:
        return int(text, 0) if text[1:2] in ("o", "x") else int(text)
    except ValueError:  # Python refuses to convert thousands of digits
        return text


def _real_number(text: str) -> float:
    return float(
        text.replace(".inf", "inf").replace(".nan", "nan") if text[-1:] in "fFnN" else text
    )


_SCALARS: dict[str, Any] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _whole_number,
    "float": lambda text: _real_number(text.lower()),
}


def _line(mark: Mark | None) -> int:
    return 1 if mark is None else int(mark.line) + 1


def _syntax_problem(error: YAMLError, text: str) -> Mistake:
    """PyYAML's complaint in words of our own: its snippets and names could show a secret."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Mistake(
            line, (), f"holds a character that is no text (code {_code(error)}); remove it"
        )
    if not isinstance(error, MarkedYAMLError):
        return Mistake(1, (), "is not YAML")
    mark = error.problem_mark or error.context_mark
    if isinstance(error, ComposerError):
        return Mistake(_line(mark), (), _composer_text(error.problem or error.context or ""))
    return Mistake(_line(mark), (), _scanner_text(error, mark, text))


def _code(error: ReaderError) -> str:
    char = error.character
    return f"U+{ord(char) if isinstance(char, str) else char:04X}"


def _composer_text(problem: str) -> str:
    if "alias" in problem:
        return "a value begins with *, which YAML reads as an alias that nothing defines; put it in quotes"
    if "anchor" in problem:
        return "an anchor (&name) is defined twice; give the second another name"
    return "holds more than one document (---); keep one"


def _scanner_text(error: MarkedYAMLError, mark: Mark | None, text: str) -> str:
    problem = error.problem or ""
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in problem:
        return "is indented with a tab; YAML wants spaces"
    for sign, hint in _HINTS.items():
        if sign in problem:
            return f"is not YAML: {hint}"
    return f"is not YAML: {printable(_WITHOUT_QUOTES.sub('', problem), limit=100)}"


_WITHOUT_QUOTES = re.compile(r"\s*'[^']*'|\s*\"[^\"]*\"")
"""Characters and names out of the file."""
_HINTS = {
    "could not find expected ':'": "a key without its colon, or a text over several lines without quotes",
    "mapping values are not allowed here": (
        "a colon where none may stand; indent like the lines around it, and put texts with a colon in quotes"
    ),
    "expected <block end>": "the indentation does not fit the lines above; a list item begins with '- '",
    "cannot start any token": "a value begins with a sign that YAML keeps for itself; put it in quotes",
    "unknown escape character": "an unknown \\ in double quotes; use single quotes, or write \\\\",
    "unexpected end of stream": "a quote that is opened here is never closed",
    "expected ',' or ']'": "a [ list that is not closed, or lacks a comma",
    "expected ',' or '}'": "a { section that is not closed, or lacks a comma; write ${VARIABLE} in quotes here",
}
