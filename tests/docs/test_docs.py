"""What the documents tell people to follow, to write and to type holds."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from surveil.cli import COMMANDS
from surveil.commands.bench import BENCHES
from surveil.config import load_config
from surveil.delivery.mqtt.topics import RETAINED_LEAVES, Replay, Topics

PROJECT = Path(__file__).parents[2]
DOCS = sorted((PROJECT / "docs").rglob("*.md"))
READMES = sorted(PROJECT.glob("*.md"))
GUIDES = [*sorted((PROJECT / "docs/guide").glob("*.md")), *sorted(PROJECT.glob("README*.md"))]
TYPED = [*GUIDES, *sorted((PROJECT / "docs").glob("*.md")), PROJECT / "docs/reference/commands.md"]
NODERED = PROJECT / "docs/guide/nodered.md"
ENVIRONMENT = {"HOME": "/nowhere"}
CAMERAS = [
    f"{{id: {name}, url: 'rtsp://192.0.2.10/{name}'}}"
    for name in ("entrance", "yard", "lobby", "loading-dock", "drill")
]
"""Those of the example config.yaml, which the guides speak of."""
SHELL = {"|", ">", "<", "&&", ";", "2>"}


def named(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def prose(text: str) -> str:
    """Without fenced blocks, in which brackets mean other things."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def fenced(path: Path, *languages: str) -> list[str]:
    """Blocks between ``` of these languages."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in found if language in languages]


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@pytest.mark.parametrize("path", [*DOCS, *READMES], ids=named)
def test_every_link_leads_somewhere(path: Path) -> None:
    """Files and headings; addresses on the web are not followed."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        leads_to = (path.parent / file).resolve() if file else path
        assert leads_to.exists(), f"{target}: there is no such file"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", leads_to.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"{target}: there is no such heading"


@pytest.mark.parametrize("folder", ["guide", "reference", "design"])
def test_the_index_names_every_page(folder: str) -> None:
    index = (PROJECT / "docs/README.md").read_text(encoding="utf-8")
    pages = [path for path in DOCS if path.parent.name == folder]
    assert pages
    assert [path.name for path in pages if f"({folder}/{path.name})" not in index] == []


def whole_configs() -> Iterator[Any]:
    """(guide, block) of every YAML block that has cameras and rules."""
    for guide in GUIDES:
        for number, block in enumerate(fenced(guide, "yaml")):
            content = yaml.safe_load(block)
            if isinstance(content, dict) and {"cameras", "rules"} <= content.keys():
                yield pytest.param(block, id=f"{named(guide)}:{number}")


@pytest.mark.parametrize("block", list(whole_configs()))
def test_whole_configurations_load(block: str, tmp_path: Path) -> None:
    for name in re.findall(r"_file: *([\w.-]+)", block):
        (tmp_path / name).write_text("secret\n")
    variables = {name: "value" for name in re.findall(r"\$\{(\w+)", block)}
    path = tmp_path / "config.yaml"
    path.write_text(block, encoding="utf-8")
    config = load_config(path, environ=ENVIRONMENT | variables)
    assert config.cameras


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_parts_of_configurations_are_valid_too(guide: Path, tmp_path: Path) -> None:
    """A block that shows some sections must load once the needed rest stands beside it."""
    for block in fenced(guide, "yaml"):
        content = yaml.safe_load(block)
        if not isinstance(content, dict) or {"cameras", "rules"} <= content.keys():
            continue
        needed = {
            "cameras": f"cameras: [{', '.join(CAMERAS)}]",
            "rules": "rules: [{patterns: fire}]",
            "mqtt": "mqtt: {host: localhost}",
        }
        rest = [text for key, text in needed.items() if key not in content]
        test_whole_configurations_load("\n".join([*rest, block]), tmp_path)


def command_lines() -> Iterator[Any]:
    """(where, words after `surveil`) of every command line in a shell block, an indented block or a code span."""
    for path in TYPED:
        text = path.read_text(encoding="utf-8")
        lines = [line for block in fenced(path, "sh", "console") for line in block.splitlines()]
        lines += re.findall(
            r"^    (?! )(.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M
        )
        lines += re.findall(r"`(surveil [^`]+)`", prose(text))
        for line in lines:
            for words in surveil_words(line):
                yield pytest.param(words, id=f"{named(path)}: {' '.join(words)}"[:120])


def surveil_words(line: str) -> Iterator[list[str]]:
    """Arguments of each `surveil` in a line of shell; what stands further right, after two spaces, explains it."""
    try:
        words = shlex.split(re.sub(r"(\S) {2,}.*", r"\1", line), comments=True)
    except ValueError:
        return
    while words:
        at = next((i for i, word in enumerate(words) if word in SHELL), len(words))
        command, words = words[:at], words[at + 1 :]
        for prefix in ("$", "sudo"):
            command = command[1:] if command[:1] == [prefix] else command
        if command[:1] == ["surveil"] and len(command) > 1:
            yield command[1:]


def parser_of(command: str, module: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"surveil {command}", allow_abbrev=False)
    importlib.import_module(f"surveil.commands.{module}").add_arguments(parser)
    return parser


@pytest.mark.parametrize("words", list(command_lines()))
def test_every_command_line_parses(words: list[str]) -> None:
    """With the real parsers; nothing is run. What stands for a name (`surveil COMMAND`) is no line."""
    command, *arguments = words
    if command.startswith("-"):
        assert command in ("--help", "--version", "--print-completion")
        return
    if command.isupper() or "..." in words or "[options]" in words:
        return
    assert command in COMMANDS
    if "--help" in arguments or not arguments:
        return
    if command == "bench":
        bench, *arguments = arguments
        assert bench in BENCHES
        parser_of(f"bench {bench}", f"bench_{bench}").parse_args(arguments)
        return
    if command in ("rules", "model") and len(arguments) == 1:
        assert arguments[0] in parser_of(command, command).format_help()
        return
    parser_of(command, command).parse_args(arguments)


@pytest.fixture(scope="module")
def flow() -> list[dict[str, Any]]:
    (block,) = fenced(NODERED, "json")
    nodes = json.loads(block)
    assert isinstance(nodes, list)
    return nodes


def test_the_flow_is_whole(flow: list[dict[str, Any]]) -> None:
    """Every wire ends at a node of the flow, every node has an id of its own, every node is on a tab that is there."""
    ids = [node["id"] for node in flow]
    assert len(ids) == len(set(ids))
    for node in flow:
        assert node["type"]
        assert node.get("z", ids[0]) in ids
        for wire in (target for output in node.get("wires", []) for target in output):
            assert wire in ids
        if node["type"].startswith("mqtt") and node["type"] != "mqtt-broker":
            assert node["broker"] in ids


def test_the_flow_speaks_the_topics_of_the_contract(flow: list[dict[str, Any]]) -> None:
    """What it subscribes to is what Surveil publishes, and what it sends is a command that Surveil obeys."""
    topics = Topics(prefix="surveil/edge-01", node="edge-01")
    published = {
        topics.of_camera("entrance", leaf) for leaf in (*RETAINED_LEAVES, "alert", "gap", "clip")
    }
    subscribed = [node["topic"] for node in flow if node["type"] == "mqtt in"]
    assert sorted(subscribed) == ["surveil/+/+/alert", "surveil/+/+/gap"]
    for pattern in subscribed:
        assert any(re.fullmatch(pattern.replace("+", "[^/]+"), topic) for topic in published)
    code = "\n".join(node.get("func", "") for node in flow)
    assert "/alert/replay" in code
    command = topics.read_command("surveil/edge-01/entrance/alert/replay", b'{"from":7}')
    assert command == Replay("entrance", 7)


def test_the_flow_waits_for_the_broker_with_quality_of_service_1(
    flow: list[dict[str, Any]],
) -> None:
    """A persistent session: what comes while Node-RED restarts waits in the broker."""
    (broker,) = [node for node in flow if node["type"] == "mqtt-broker"]
    assert broker["cleansession"] is False
    assert broker["clientid"]
    for node in flow:
        if node["type"] in ("mqtt in", "mqtt out"):
            assert str(node["qos"]) == "1"


def test_the_chinese_readme_says_the_same() -> None:
    """The same commands and configurations, and every page that the English one leads to."""
    english, chinese = PROJECT / "README.md", PROJECT / "README.zh-CN.md"
    assert fenced(chinese, "sh", "yaml") == fenced(english, "sh", "yaml")
    links = r"\]\(([^)\s]+)\)"
    led_to = set(re.findall(links, chinese.read_text(encoding="utf-8"))) | {chinese.name}
    assert set(re.findall(links, english.read_text(encoding="utf-8"))) - led_to == set()
