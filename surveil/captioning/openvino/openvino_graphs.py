"""BLIP written down as two OpenVINO graphs: one looks at pictures, one says the next token.

    seeing:  pixels (images, 3, side, side) -> for each text layer i, what cross-attention reads:
             keys_i and values_i (images, heads, patches + 1, head_dim)
    saying:  tokens and positions (images, queries), mask (images, 1, queries, capacity + queries), for each layer i
             those two and what was said so far, past_keys_i and past_values_i (images, heads, capacity, head_dim)
             -> logits (images, queries, vocabulary), said (2 * layers, images, heads, queries, head_dim): keys and
             values of these queries, layer by layer

Written out, not traced from torch: a traced graph broadcasts where nothing has to be broadcast, and BLIP-large's step
took 21 ms in one that takes 8 here. The gain and shift of a norm are part of the product that follows it.
`saying` folds beams into the queries, as text_decoder.py does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surveil.errors import ModelError

Array = NDArray[Any]
LOGITS, SAID = "logits", "said"
ATTENTION, ASKING = "attention", "asking"
"""What attention's products without weights are called, before their number: those that are not rounded, and queries
by keys of cross-attention."""
BY_ROWS = "by_rows"
"""What the tower's products from the wider layer back are called; openvino_rows.py does them in parts."""


def seeing(vision: Any, text: Any) -> Any:
    """An ov.Model from a loaded BlipVisionModel and BlipTextLMHeadModel in fp32."""
    return _Seeing(vision, text).graph()


def saying(text: Any) -> Any:
    """An ov.Model from a loaded BlipTextLMHeadModel in fp32."""
    return _Saying(text).graph()


class _Graph:
    """The pieces that both are made of. Nodes are OpenVINO's; weights (outputs, inputs) and biases torch's."""

    def __init__(self, config: Any) -> None:
        from openvino import opset13

        self.op: Any = opset13
        self.heads = config.num_attention_heads
        self.width = config.hidden_size
        self.head_dim = self.width // self.heads
        self.eps = config.layer_norm_eps
        self._named = 0
        self.act = config.hidden_act
        if self.act not in ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu"):
            raise ModelError(
                f"config.json: hidden_act is {self.act!r}; with engine openvino gelu, gelu_new, gelu_pytorch_tanh "
                "and relu are allowed"
            )

    def parameter(self, name: str, shape: list[int], kind: str) -> Any:
        import openvino as ov

        node = self.op.parameter(ov.PartialShape(shape), getattr(ov.Type, kind))
        node.set_friendly_name(name)
        node.output(0).set_names({name})
        return node

    def result(self, node: Any, name: str) -> Any:
        found = self.op.result(node)
        found.get_output_tensor(0).set_names({name})
        return found

    def constant(self, values: Any) -> Any:
        return self.op.constant(
            values.detach().numpy() if isinstance(values, Tensor) else values, shared_memory=True
        )

    def ints(self, *values: int) -> Any:
        return self.op.constant(np.array(values, dtype=np.int64))

    def product(self, x: Any, weight: Tensor, bias: Tensor, *, called: str | None = None) -> Any:
        found = self.op.matmul(x, self.constant(weight), transpose_a=False, transpose_b=True)
        if called is not None:
            self._called(called, found)
        return self.op.add(found, self.constant(bias.detach().reshape(1, 1, -1)))

    def normed(self, x: Any) -> Any:
        """Mean 0 and deviation 1 over the width."""
        return self.op.mvn(x, self.ints(-1), True, self.eps, "INSIDE_SQRT")

    def norm(self, x: Any, norm: Any) -> Any:
        gain, shift = (self.constant(one.reshape(1, 1, -1)) for one in (norm.weight, norm.bias))
        # Not `normed`, and a hair apart from it, or OpenVINO would make one of the two: what leaves here stays a float,
        # what leaves there for a product is rounded on the way.
        apart = float(np.nextafter(np.float32(self.eps), np.float32(1)))
        found = self.op.mvn(x, self.ints(-1), True, apart, "INSIDE_SQRT")
        return self.op.add(self.op.multiply(found, gain), shift)

    def activated(self, x: Any) -> Any:
        if self.act == "relu":
            return self.op.relu(x)
        return self.op.gelu(x, "erf" if self.act == "gelu" else "tanh")

    def scaled(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The queries, which come first, by head_dim ** -0.5: a power of two for BLIP's 64, so that it is exact."""
        weight, bias = weight.detach().clone(), bias.detach().clone()
        weight[: self.width] *= self.head_dim**-0.5
        bias[: self.width] *= self.head_dim**-0.5
        return weight, bias

    def split_heads(self, x: Any, *, heads: int) -> Any:
        """(images, n, heads * head_dim) -> (images, heads, n, head_dim)."""
        apart = self.op.reshape(x, self.ints(0, 0, heads, self.head_dim), special_zero=True)
        return self.op.transpose(apart, self.ints(0, 2, 1, 3))

    def join_heads(self, x: Any) -> Any:
        together = self.op.transpose(x, self.ints(0, 2, 1, 3))
        return self.op.reshape(together, self.ints(0, 0, self.width), special_zero=True)

    def attend(
        self, queries: Any, keys: Any, values: Any, *mask: Any, scores_are: str = ATTENTION
    ) -> Any:
        """Queries come scaled; the answer leaves joined.

        Written out: OpenVINO takes ScaledDotProductAttention apart in a way that scales and transposes all keys.
        """
        scores = self._called(scores_are, self.op.matmul(queries, keys, False, True))
        for one in mask:
            scores = self.op.add(scores, one)
        found = self.op.matmul(self.op.softmax(scores, -1), values, False, False)
        return self.join_heads(self._called(ATTENTION, found))

    def _called(self, name: str, node: Any) -> Any:
        self._named += 1
        node.set_friendly_name(f"{name}_{self._named}")
        return node


class _Seeing(_Graph):
    def __init__(self, vision: Any, text: Any) -> None:
        super().__init__(vision.config)
        self._vision = vision
        self._text = text

    def graph(self) -> Any:
        import openvino as ov

        side = self._vision.config.image_size
        pixels = self.parameter("pixels", [-1, 3, side, side], "f32")
        hidden = self._patches(pixels)
        for layer in self._vision.encoder.layers:
            hidden = self._layer(hidden, layer)
        # Keys and values belong to this graph because they end it with products: OpenVINO keeps what leads to a
        # result in fp32 up to the last product, and that would be the whole residual sum.
        hidden = self.normed(hidden)
        results = []
        text = _Graph(self._text.config)
        for number, layer in enumerate(self._text.bert.encoder.layer):
            own = layer.crossattention.self
            for name, source in (("keys", own.key), ("values", own.value)):
                weight, bias = _after(self._vision.post_layernorm, source.weight, source.bias)
                apart = text.split_heads(self.product(hidden, weight, bias), heads=text.heads)
                results.append(self.result(apart, f"{name}_{number}"))
        return ov.Model(results, [pixels], "seeing")

    def _patches(self, pixels: Any) -> Any:
        """(images, 3, side, side) -> (images, patches + 1, width), the class token first."""
        config, embeddings = self._vision.config, self._vision.embeddings
        size, n = config.patch_size, config.image_size // config.patch_size
        # A convolution whose kernel is its stride is a product over flattened patches.
        apart = self.op.reshape(pixels, self.ints(0, 3, n, size, n, size), special_zero=True)
        flat = self.op.reshape(
            self.op.transpose(apart, self.ints(0, 2, 4, 1, 3, 5)),
            self.ints(0, n * n, 3 * size * size),
            special_zero=True,
        )
        kernel = embeddings.patch_embedding.weight.reshape(self.width, -1)
        seen = self.product(flat, kernel, embeddings.patch_embedding.bias)
        room = self.op.pad(
            seen,
            self.ints(0, 1, 0),
            self.ints(0, 0, 0),
            "constant",
            self.op.constant(np.float32(0)),
        )
        places = embeddings.position_embedding.detach().clone()
        places[:, :1] += embeddings.class_embedding
        return self.op.add(room, self.constant(places))

    def _layer(self, hidden: Any, layer: Any) -> Any:
        attention, mlp = layer.self_attn, layer.mlp
        weight, bias = self.scaled(
            *_after(layer.layer_norm1, attention.qkv.weight, attention.qkv.bias)
        )
        joined = self.product(self.normed(hidden), weight, bias)
        shape = self.ints(0, 0, 3, self.heads, self.head_dim)
        apart = self.op.transpose(
            self.op.reshape(joined, shape, special_zero=True), self.ints(2, 0, 3, 1, 4)
        )
        parts = self.op.split(apart, self.op.constant(np.int64(0)), 3)
        found = self.attend(*(self.op.squeeze(part, self.ints(0)) for part in parts.outputs()))
        out, down = attention.projection, mlp.fc2
        hidden = self.op.add(self.product(found, out.weight, out.bias), hidden)
        grown = self.product(
            self.normed(hidden), *_after(layer.layer_norm2, mlp.fc1.weight, mlp.fc1.bias)
        )
        shrunk = self.product(self.activated(grown), down.weight, down.bias, called=BY_ROWS)
        return self.op.add(shrunk, hidden)


@dataclass(frozen=True, slots=True)
class _Unnormed:
    """A sum that a norm follows: BERT's products and its next sum both take what the norm makes of it."""

    sum: Any
    norm: Any


class _Saying(_Graph):
    def __init__(self, text: Any) -> None:
        super().__init__(text.config)
        self._text = text
        self._parameters: list[Any] = []

    def graph(self) -> Any:
        import openvino as ov

        tokens, positions = (self._given(name, [-1, -1], "i32") for name in ("tokens", "positions"))
        mask = self._given("mask", [-1, 1, -1, -1], "f32")
        embeddings = self._text.bert.embeddings
        words = self._looked_up(embeddings.word_embeddings, tokens)
        places = self._looked_up(embeddings.position_embeddings, positions)
        hidden = _Unnormed(self.op.add(words, places), embeddings.LayerNorm)
        said = []
        for number, layer in enumerate(self._text.bert.encoder.layer):
            hidden, *own = self._layer(hidden, layer, number=number, mask=mask)
            said += [self.op.unsqueeze(one, self.ints(0)) for one in own]
        head = self._text.cls.predictions
        dense = head.transform.dense
        last = self.activated(self._normed_product(hidden, dense.weight, dense.bias))
        last = self.norm(last, head.transform.LayerNorm)
        bias = head.decoder.bias if head.decoder.bias is not None else head.bias
        # Its weights stay as they are: they are the words' embeddings too, and so kept once.
        logits = self.product(last, head.decoder.weight, bias)
        results = [
            self.result(logits, LOGITS),
            self.result(self.op.concat(said, 0), SAID),
        ]
        return ov.Model(results, self._parameters, "saying")

    def _given(self, name: str, shape: list[int], kind: str) -> Any:
        node = self.parameter(name, shape, kind)
        self._parameters.append(node)
        return node

    def _remembered(self, name: str) -> Any:
        return self._given(name, [-1, self.heads, -1, self.head_dim], "f32")

    def _looked_up(self, embedding: Any, which: Any) -> Any:
        return self.op.gather(self.constant(embedding.weight), which, self.op.constant(np.int32(0)))

    def _layer(
        self, hidden: _Unnormed, layer: Any, *, number: int, mask: Any
    ) -> tuple[_Unnormed, Any, Any]:
        """Also the keys and values of these queries."""
        own, cross = layer.attention, layer.crossattention
        three = [own.self.query, own.self.key, own.self.value]
        weight = torch.cat([one.weight.detach() for one in three])
        bias = torch.cat([one.bias.detach() for one in three])
        joined = self._normed_product(hidden, *self.scaled(weight, bias))
        apart = self.split_heads(joined, heads=3 * self.heads)
        queries, keys, values = self.op.split(apart, self.op.constant(np.int64(1)), 3).outputs()
        past = [self._remembered(f"past_{name}_{number}") for name in ("keys", "values")]
        found = self.attend(
            queries,
            self.op.concat([past[0], keys], 2),
            self.op.concat([past[1], values], 2),
            mask,
        )
        hidden = self._added(found, own.output, hidden)
        seen = [self._remembered(f"{name}_{number}") for name in ("keys", "values")]
        query = self.scaled(cross.self.query.weight, cross.self.query.bias)
        asked = self.split_heads(self._normed_product(hidden, *query), heads=self.heads)
        hidden = self._added(self.attend(asked, *seen, scores_are=ASKING), cross.output, hidden)
        up = layer.intermediate.dense
        grown = self.activated(self._normed_product(hidden, up.weight, up.bias))
        return self._added(grown, layer.output, hidden), keys, values

    def _normed_product(self, x: _Unnormed, weight: Tensor, bias: Tensor) -> Any:
        return self.product(self.normed(x.sum), *_after(x.norm, weight, bias))

    def _added(self, x: Any, output: Any, hidden: _Unnormed) -> _Unnormed:
        """A product, the residual, the norm: how each third of BERT's layer ends."""
        found = self.product(x, output.dense.weight, output.dense.bias)
        return _Unnormed(self.op.add(found, self.norm(hidden.sum, hidden.norm)), output.LayerNorm)


def _after(norm: Any, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Of a product over `norm`'s output: weight and bias for the same product over what has only been normalised."""
    weight = weight.detach()
    return weight * norm.weight.detach(), bias.detach() + weight @ norm.bias.detach()
