"""The specs refuse what contradicts itself, and the door costs nothing to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from surveil.captioning import CaptionerSpec, GenerationSpec
from surveil.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"temperature": 0.7}, "temperature has no effect without do_sample"),
        ({"top_p": 0.7}, "top_p has no effect without do_sample"),
        ({"do_sample": True, "top_p": 1.5}, "top_p is 1.5"),
        ({"do_sample": True, "temperature": 0.0}, "temperature is 0.0; it must be above 0"),
        ({"num_beams": 0}, "num_beams is 0; at least 1"),
        ({"num_beams": 1, "length_penalty": 2.0}, "length_penalty has no effect with num_beams: 1"),
        ({"max_length": 20, "max_new_tokens": 20}, "keep one"),
    ],
)
def test_contradictions_are_told(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        GenerationSpec(**values)  # type: ignore[arg-type]


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        GenerationSpec(temperature=0.5, top_k=3, num_beams=0)
    assert len(str(caught.value).splitlines()) == 3


def test_precisions_are_named_when_wrong() -> None:
    with pytest.raises(ConfigError, match="auto, fp32, bf16, fp16, int8"):
        CaptionerSpec(precision="fp8")


def test_importing_the_door_imports_no_model_library() -> None:
    """`surveil --help` and `surveil check` must stay fast."""
    program = (
        "import sys, surveil.captioning\n"
        "heavy = {'torch', 'transformers', 'openvino', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
