"""OpenVINO's two graphs say token for token what transformers' own model says, in fp32."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from traceback import clear_frames
from typing import Any
from weakref import ref

import pytest
import torch
from torch import Tensor

pytest.importorskip("openvino", reason="the openvino extra is not installed")

from surveil.captioning.openvino.openvino_engine import Graphs, Places, compiled
from surveil.captioning.openvino.openvino_graphs import text_decoder_graph, vision_encoder_graph
from surveil.errors import ModelError
from tests.captioning.blips import DEC, SEP, geometry, random_blip, tiny_config
from tests.captioning.pairs import PROMPTS, SEARCHES, Pair, demo_blip, make_pixels

FLOATS = Places("CPU", "fp32", "fp32")
CUT = Places("CPU", "fp32", "fp32", streams=True)
FIXED = Places("CPU", "fp32", "fp32", fixed=True)


def graphs_of(model: Any) -> Graphs:
    text = model.text_decoder
    return Graphs(vision_encoder_graph(model.vision_model, text), text_decoder_graph(text))


def openvino_pair(model: Any, *, bos: int, eos: int, places: Places = FLOATS) -> Pair:
    pixels = make_pixels(model.config.vision_config.image_size)
    graphs = Graphs(
        vision_encoder_graph(model.vision_model, model.text_decoder),
        text_decoder_graph(model.text_decoder),
    )
    encoder, decoder = compiled(graphs, model.config.text_config, places)
    with torch.inference_mode():
        plain_seen = model.vision_model(pixels).last_hidden_state
    return Pair(model, decoder, plain_seen, lambda n: encoder(pixels[:n]), bos, eos)


@pytest.fixture(scope="module")
def tiny() -> Pair:
    return openvino_pair(random_blip(tiny_config(), end_bias=0.0), bos=DEC, eos=SEP)


@pytest.fixture(scope="module")
def large() -> Pair:
    config = geometry("large", vision_layers=1, text_layers=2)
    return openvino_pair(random_blip(config, seed=2, end_bias=1.0), bos=30522, eos=102)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
@pytest.mark.parametrize("search", SEARCHES, ids=str)
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_tiny(tiny: Pair, search: dict[str, Any], batch: int, prompt: list[int]) -> None:
    plain, fast = tiny.tokens(search, batch=batch, prompt=prompt)
    assert torch.equal(plain, fast)


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_published_geometry(large: Pair, search: dict[str, Any]) -> None:
    """Random weights of BLIP-large's widths, heads and vocabulary."""
    turn = SEARCHES.index(search)
    prompt = PROMPTS["a prompt"] if turn % 2 else []
    plain, fast = large.tokens(search, batch=1 + turn % 4, prompt=prompt)
    assert torch.equal(plain, fast)


def test_a_search_after_another_remembers_nothing_of_it(tiny: Pair) -> None:
    """The request's memory is handed over anew for each."""
    before, _ = tiny.tokens({"num_beams": 3}, batch=4, prompt=[])
    tiny.tokens({"num_beams": 1}, batch=8, prompt=[7, 19, 11])
    after, fast = tiny.tokens({"num_beams": 3}, batch=4, prompt=[])
    assert torch.equal(before, after)
    assert torch.equal(after, fast)


@pytest.fixture(scope="module")
def fixed() -> Pair:
    model = random_blip(tiny_config(), end_bias=0.0)
    return openvino_pair(model, bos=DEC, eos=SEP, places=FIXED)


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_a_single_picture_has_a_graph_of_its_own_that_says_the_same(
    fixed: Pair, search: dict[str, Any]
) -> None:
    """Between batches and prompts, which have the other."""
    for batch, prompt in ((1, []), (3, []), (1, [7, 19, 11]), (1, [])):
        plain, fast = fixed.tokens(search, batch=batch, prompt=prompt)
        assert torch.equal(plain, fast), f"a batch of {batch}, prompt {prompt}"


def test_graphs_are_made_when_needed_and_only_one_for_a_single_picture_is_kept() -> None:
    model = random_blip(tiny_config(), end_bias=0.0)
    pair = openvino_pair(model, bos=DEC, eos=SEP, places=FIXED)
    made: list[Any] = []
    decoder: Any = pair.decoder
    real = decoder._make

    def make(sizes: Any) -> Any:
        made.append(sizes and (sizes.images, sizes.queries))
        return real(sizes)

    decoder._make = make
    for beams, batch in ((2, 1), (2, 1), (2, 3), (3, 1), (2, 3), (2, 1), (2, 1)):
        pair.tokens({"num_beams": beams}, batch=batch, prompt=[])
    assert made == [(1, 2), None, (1, 3), (1, 2)]


@pytest.mark.parametrize("places", [FLOATS, FIXED], ids=["floats", "fixed"])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_graph_that_failed_is_gone_before_another_is_made(places: Places, batch: int) -> None:
    """Memory has run out: there is none for both."""
    model = random_blip(tiny_config(), end_bias=0.0)
    pair = openvino_pair(model, bos=DEC, eos=SEP, places=places)
    before, _ = pair.tokens({"num_beams": 2}, batch=batch, prompt=[])
    decoder: Any = pair.decoder
    (graph,) = decoder._graphs.values()
    graph._request = Failing(graph._request, "infer")
    old = ref(graph)
    del graph
    there = noting_whether(old, decoder)
    try:
        pair.tokens({"num_beams": 2}, batch=batch, prompt=[])
    except MemoryError as error:
        clear_frames(error.__traceback__)
        decoder.release_batch_memory()
    _, after = pair.tokens({"num_beams": 2}, batch=batch, prompt=[])
    assert there == [False]
    assert torch.equal(before, after)


def noting_whether(old: Any, decoder: Any) -> list[bool]:
    """Filled with whether `old`, a weak reference, is still there each time that `decoder` makes a graph."""
    there: list[bool] = []
    real = decoder._make

    def make(sizes: Any) -> Any:
        there.append(old() is not None)
        return real(sizes)

    decoder._make = make
    return there


def test_a_single_pictures_graph_is_gone_before_one_for_other_sizes_is_made() -> None:
    pair = openvino_pair(random_blip(tiny_config(), end_bias=0.0), bos=DEC, eos=SEP, places=FIXED)
    pair.tokens({"num_beams": 2}, batch=1, prompt=[])
    decoder: Any = pair.decoder
    old = ref(next(iter(decoder._graphs.values())))
    there = noting_whether(old, decoder)
    pair.tokens({"num_beams": 3}, batch=1, prompt=[])
    assert there == [False]


def test_what_failed_between_two_sizes_is_handed_over_again(tiny: Pair) -> None:
    before, _ = tiny.tokens({"num_beams": 3}, batch=2, prompt=[])
    decoder: Any = tiny.decoder
    (graph,) = decoder._graphs.values()
    graph._request = Failing(graph._request, "set_tensor", calls_before=5)
    with pytest.raises(MemoryError):
        tiny.tokens({"num_beams": 2}, batch=4, prompt=[])
    _, after = tiny.tokens({"num_beams": 3}, batch=2, prompt=[])
    assert torch.equal(before, after)


@pytest.mark.parametrize("fails", [False, True])
def test_torch_has_one_thread_while_sentences_are_written(
    tiny: Pair, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """And as many as before when they are, or when that failed."""
    threads: list[int] = []
    next_logits = tiny.decoder.next_logits

    def counted(*arguments: Any, **more: Any) -> Tensor:
        threads.append(torch.get_num_threads())
        if fails:
            raise MemoryError
        return next_logits(*arguments, **more)

    monkeypatch.setattr(tiny.decoder, "next_logits", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(MemoryError) if fails else nullcontext():
            tiny.tokens({"num_beams": 3}, batch=2, prompt=[])
        assert (set(threads), torch.get_num_threads()) == ({1}, 3)
    finally:
        torch.set_num_threads(before)


def test_batches_cut_in_parts_say_the_same() -> None:
    """Growing and shrinking, odd and even: the parts write where the whole batch is read."""
    model = random_blip(tiny_config(), end_bias=0.0)
    pair = openvino_pair(model, bos=DEC, eos=SEP, places=CUT)
    for batch in (2, 8, 4, 1, 3, 2, 6, 8):
        plain, fast = pair.tokens({"num_beams": 3}, batch=batch, prompt=[7])
        assert torch.equal(plain, fast), f"a batch of {batch}"


class Failing:
    """A request of which one call fails, once."""

    def __init__(self, request: Any, name: str, *, calls_before: int = 0) -> None:
        self._request = request
        self._name = name
        self._calls_before = calls_before

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._request, name)
        if name != self._name:
            return real
        self._calls_before -= 1
        if self._calls_before >= 0:
            return real
        self._name = ""
        return partial(self._fail, real if name == "wait" else None)

    @staticmethod
    def _fail(over: Any, *_arguments: Any, **_more: Any) -> None:
        """What has been waited for in vain is over all the same."""
        if over is not None:
            over()
        raise MemoryError


@pytest.mark.parametrize("call", ["start_async", "wait", "set_tensor"])
@pytest.mark.parametrize("part", [0, 1])
def test_after_a_part_has_failed_batches_are_seen_as_before(call: str, part: int) -> None:
    model = random_blip(tiny_config(), end_bias=0.0)
    pixels = make_pixels(32)
    graphs = Graphs(
        vision_encoder_graph(model.vision_model, model.text_decoder),
        text_decoder_graph(model.text_decoder),
    )
    encoder, _ = compiled(graphs, model.config.text_config, CUT)
    before = {name: tensor.clone() for name, tensor in encoder(pixels[:4]).memory.items()}
    whole = list(encoder._streams)
    encoder._streams = [*whole[:part], Failing(whole[part], call), *whole[part + 1 :]]

    with pytest.raises(MemoryError):
        encoder(pixels)

    after = encoder(pixels[:4]).memory
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("fails_at", range(4))
def test_after_memory_ran_out_batches_are_seen_as_before(
    monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    """Room for a larger batch is made whole or not at all."""
    model = random_blip(tiny_config(), end_bias=0.0)
    pixels = make_pixels(32)
    graphs = Graphs(
        vision_encoder_graph(model.vision_model, model.text_decoder),
        text_decoder_graph(model.text_decoder),
    )
    encoder, _ = compiled(graphs, model.config.text_config, CUT)
    before = {name: tensor.clone() for name, tensor in encoder(pixels[:4]).memory.items()}
    made: list[None] = []

    def empty(*sizes: int, **more: Any) -> torch.Tensor:
        made.append(None)
        if len(made) > fails_at:
            raise RuntimeError("can't allocate memory")
        return torch.zeros(*sizes, **more)

    with monkeypatch.context() as patched:
        patched.setattr(torch, "empty", empty)
        with pytest.raises(RuntimeError, match="allocate"):
            encoder(pixels)

    after = encoder(pixels[:4]).memory
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_demo_model(search: dict[str, Any]) -> None:
    """A trained model, whose beams really compete."""
    model = demo_blip()
    words = model.config.text_config
    pair = openvino_pair(model, bos=words.bos_token_id, eos=words.sep_token_id)
    plain, fast = pair.tokens(search, batch=8, prompt=[])
    assert torch.equal(plain, fast)


def test_an_activation_that_the_graphs_do_not_know_is_told() -> None:
    model = random_blip(tiny_config(hidden_act="silu"), end_bias=0.0)
    with pytest.raises(ModelError, match=r"hidden_act is 'silu'; .* gelu, .* allowed"):
        text_decoder_graph(model.text_decoder)


@pytest.mark.parametrize("act", ["gelu_new", "gelu_pytorch_tanh", "relu"])
def test_other_activations_are_computed_as_named(act: str) -> None:
    pair = openvino_pair(random_blip(tiny_config(hidden_act=act), end_bias=0.0), bos=DEC, eos=SEP)
    plain, fast = pair.tokens({"num_beams": 3}, batch=8, prompt=[])
    assert torch.equal(plain, fast)
