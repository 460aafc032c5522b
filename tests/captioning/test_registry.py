"""Engines are known by their own files alone; what they answer for themselves, nobody asks of their names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from surveil.captioning import CaptionerSpec, engine, engine_names, open_captioner, plain_spec
from surveil.captioning.registry import EngineKind, register
from surveil.errors import ConfigError

PACKAGE = Path(__file__).parents[2] / "surveil"


def home(kind: EngineKind) -> tuple[Path, ...]:
    """Where an engine may say its name: its folder, or its two files beside other engines'."""
    module, _, _ = kind.opener.partition(":")
    file = PACKAGE.parent / f"{module.replace('.', '/')}.py"
    if file.parent.name != "captioning":
        return (file.parent,)
    return file, file.with_name(f"{kind.name}_config.py")


def literals(file: Path) -> Iterator[tuple[str, int]]:
    """Strings that are compared, listed or passed, with their lines; docstrings and text for people are longer."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


@pytest.mark.parametrize("name", engine_names())
def test_no_other_file_knows_an_engine_by_name(name: str) -> None:
    own = home(engine(name))
    strangers = [
        f"{file.relative_to(PACKAGE)}:{line}"
        for file in PACKAGE.rglob("*.py")
        if not any(file.is_relative_to(place) for place in own)
        for text, line in literals(file)
        if text == name
    ]
    assert not strangers
    at_home = [
        file for place in own for file in ([place] if place.is_file() else place.glob("*.py"))
    ]
    assert any(text == name for file in at_home for text, _ in literals(file)), "nor does its own"


def test_the_default_comes_first_and_the_rest_in_the_order_of_its_files() -> None:
    assert engine_names() == ("torch", "openvino", "remote", "script")
    assert engine("") is engine("torch")


def test_the_order_does_not_depend_on_what_was_imported_before() -> None:
    program = (
        "import surveil.captioning.script_config\n"
        "from surveil.captioning import engine_names\n"
        "assert engine_names() == ('torch', 'openvino', 'remote', 'script'), engine_names()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_engines_are_named_when_one_is_not_there() -> None:
    with pytest.raises(ConfigError, match="'onnx'; allowed are torch, openvino, remote, script"):
        open_captioner(CaptionerSpec(engine="onnx"))


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="two engines are called script"):
        register(EngineKind(name="script", does="x", opener="a:b", gives_confidence=False))


def test_the_configured_fallback_runs_when_the_engine_keeps_killing_the_daemon() -> None:
    second = CaptionerSpec(model="small", device="cpu")
    assert plain_spec(CaptionerSpec(model="big", device="npu:0", fallback=second)) == second


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_without_one_the_same_model_runs_plainly_on_the_processor(name: str) -> None:
    spec = plain_spec(CaptionerSpec(model="big", engine=name, device="npu:1", precision="int8"))
    assert engine(spec.engine).name == "torch"
    assert (spec.model, spec.device, spec.precision) == ("big", "cpu", "fp32")


def test_asking_about_engines_loads_none() -> None:
    """`surveil --help` and `surveil check` must stay fast."""
    program = (
        "import sys\n"
        "from surveil.captioning import engine, engine_names\n"
        "assert [engine(name).name for name in engine_names()]\n"
        "heavy = {'torch', 'transformers', 'openvino', 'PIL', 'cv2', 'http.client'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
