"""The captioner's parameters, and which of them contradict each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from surveil.captioning import CaptionerSpec, GenerationSpec
from surveil.captioning.remote_config import Remote
from tests.config.folder import Folder


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        ("temperature: 0.7", "temperature: has no effect without do_sample: add do_sample: true"),
        ("top_k: 5", "top_k: has no effect without do_sample"),
        ("top_p: 0.5", "top_p: has no effect without do_sample"),
        ("num_beams: 1, length_penalty: 2.0", "length_penalty: has no effect with num_beams: 1"),
        ("num_beams: 1, early_stopping: on", "early_stopping: has no effect with num_beams: 1"),
        (
            "max_length: 20, max_new_tokens: 20",
            "max_length: and max_new_tokens are both set: keep one",
        ),
        ("min_length: 20, max_length: 10", "min_length: is 20, which is more than max_length, 10"),
        ("min_new_tokens: 9, max_new_tokens: 3", "min_new_tokens: is 9, which is more than"),
        ("num_beams: 0", "found the number 0; allowed: a whole number from 1 to 16"),
        ("num_beams: 2.5", "found the number 2.5; allowed: a whole number"),
        ("do_sample: on, temperature: 0", "allowed: a number above 0, up to 100"),
        ("do_sample: on, top_p: 1.5", "allowed: a number above 0, up to 1"),
        ("do_sample: on, top_p: .nan", "top_p: found the number nan"),
        ("repetition_penalty: 0", "repetition_penalty: found the number 0"),
        ("temprature: 1", "did you mean temperature?"),
    ],
)
def test_generation_parameters_are_judged(folder: Folder, generation: str, expected: str) -> None:
    found = folder.problem(f"captioner: {{generation: {{{generation}}}}}\n")
    assert f"captioner.generation.{expected.partition(': ')[0]}" in found or expected in found
    assert expected in found


def test_all_of_them_together_are_fine_with_sampling(folder: Folder) -> None:
    config = folder.load(
        "captioner: {generation: {do_sample: on, temperature: 0.7, top_k: 50, top_p: 0.9, num_beams: 2,\n"
        " length_penalty: 1.0, early_stopping: on, repetition_penalty: 1.2, no_repeat_ngram_size: 3,\n"
        " max_new_tokens: 30, min_new_tokens: 5}}\n"
    )
    assert config.captioner.generation.temperature == 0.7


@pytest.mark.parametrize(
    ("captioner", "expected"),
    [
        ("engine: remote", "captioner.engine: is remote, but there is no remote: beside it"),
        ("engine: script", "captioner.engine: is script, but there is no script: beside it"),
        ("script: a.jsonl", "captioner.script: is given, but engine is torch"),
        ("device: [cpu, cpu]", "captioner.device: names one device twice"),
        (
            "device: gpu",
            "captioner.device: gpu is no device of the torch engine; it has auto, cpu, cuda, npu",
        ),
        ("engine: openvino, device: 'cuda:0'", "cuda:0 is no device of the openvino engine"),
        ("engine: blip", "found 'blip'; allowed: torch, openvino, remote, script"),
        ("precision: fp8", "found 'fp8'; allowed: auto, fp32, bf16, fp16, int8"),
        (
            "fallback: {engine: remote}",
            "captioner.fallback.engine: is remote, but there is no remote:",
        ),
        ("fallback: {fallback: {}}", "captioner.fallback.fallback: there is no such key"),
        ("max_batch: 0", "allowed: a whole number from 1 to 256"),
        (
            "engine: remote, remote: {base_url: 'http://u:p@h', model: m}",
            "without user, password or query",
        ),
    ],
)
def test_engines_are_judged(folder: Folder, captioner: str, expected: str) -> None:
    assert expected in folder.problem(f"captioner: {{{captioner}}}\n")


def test_one_device_and_several_are_written_alike(folder: Folder) -> None:
    assert folder.load("captioner: {device: cpu}\n").captioner.devices == ("cpu",)
    assert folder.load("captioner: {device: ['npu:0', 'npu:1']}\n").captioner.devices == (
        "npu:0",
        "npu:1",
    )


def test_each_device_is_opened_with_all_that_the_file_says(folder: Folder) -> None:
    """The fall-back runs on the first of its own devices, within the captioner's batch and deadline."""
    config = folder.load(
        "captioner: {engine: openvino, model: shop/blip, device: [gpu, 'npu:1'], precision: fp16,\n"
        " threads: 3, seed: 5, max_batch: 2, deadline: 9s, generation: {num_beams: 1},\n"
        " fallback: {engine: remote, remote: {base_url: 'http://box/v1', model: vlm, timeout: 2s}}}\n"
    )
    first, second = config.captioner.specs()
    assert (first.device, second.device) == ("gpu", "npu:1")
    assert replace(first, device="npu:1") == second
    assert first == CaptionerSpec(
        model="shop/blip",
        engine="openvino",
        device="gpu",
        precision="fp16",
        generation=GenerationSpec(num_beams=1),
        threads=3,
        seed=5,
        max_batch=2,
        deadline_s=9.0,
        fallback=first.fallback,
    )
    assert first.fallback is not None
    assert (first.fallback.engine, first.fallback.device) == ("remote", "auto")
    assert (first.fallback.max_batch, first.fallback.deadline_s) == (2, 9.0)
    remote = first.fallback.own
    assert isinstance(remote, Remote)
    assert (remote.model, remote.timeout_s) == ("vlm", 2.0)


def test_a_script_is_opened_from_where_the_file_says(folder: Folder) -> None:
    (spec,) = folder.load("captioner: {engine: script, script: drill.jsonl}\n").captioner.specs()
    assert isinstance(spec.own, Path)
    assert (spec.own.name, spec.own.is_absolute()) == ("drill.jsonl", True)
