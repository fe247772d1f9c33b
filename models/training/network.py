"""The model while it is trained: the encoder in PyTorch, with the judge's heads on top.

The word embeddings stay as published (4 bits a weight, frozen), so that the shipped file can hold them bit by bit.
Texts of one batch have equal length: there is no padding and no mask, in training as at run time.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from models.bundle import MAX_TOKENS
from models.training.corpus import TASKS
from models.training.e5_file import Encoder, Shape

LEVELS = 255
"""Steps of 8 bits, less one."""

_INSIDE = 0.9995
"""The share of a channel's values that need not be clipped."""

_NARROWEST = 0.25
"""No channel's range is under this part of the median one: a channel that hardly moves needs no precision."""

_EASE = 0.05
_SAMPLE = 512
"""Tokens looked at each time: sorting more would cost more than it tells."""


class Site(nn.Module):
    """A place where the shipped file rounds to 8 bits: a scale a channel (or one for all), and where zero is.

    It watches what passes while it is `watching`, and rounds as the file will while it is `rounding`. Gradients pass
    as if nothing were rounded, but not where a value was clipped.
    """

    low: Tensor
    high: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.watching = self.rounding = False
        self.register_buffer("low", torch.zeros(channels))
        self.register_buffer("high", torch.zeros(channels))

    def forward(self, state: Tensor) -> Tensor:
        """`state` (..., width), rounded or not."""
        if self.watching:
            with torch.no_grad():
                self._watch(state.detach().float())
        if not self.rounding:
            return state
        scale, zero = self.steps()
        return cast("Tensor", _Round.apply(state, scale.to(state.dtype), zero.to(state.dtype)))

    def steps(self) -> tuple[Tensor, Tensor]:
        """The scale (channels) of one step and the step (channels) that stands for zero, 0..255."""
        scale = ((self.high - self.low) / LEVELS).clamp_min(1e-6)
        return scale, torch.round(-self.low / scale).clamp(0, LEVELS)

    def _watch(self, state: Tensor) -> None:
        flat = state.reshape(-1, state.shape[-1])[:_SAMPLE]
        if len(self.low) == 1:
            low, high = flat.amin().clamp(max=0.0)[None], flat.amax().clamp(min=0.0)[None]
        else:
            most = torch.quantile(flat.abs(), _INSIDE, dim=0)
            most = torch.maximum(most, most.median() * _NARROWEST)
            low, high = -most, most
        share = _EASE if bool(self.high.any()) else 1.0
        self.low.lerp_(low, share)
        self.high.lerp_(high, share)


class _Round(torch.autograd.Function):
    """Round to 8 bits and back."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
        steps = torch.round(state / scale) + zero
        ctx.save_for_backward((steps >= 0) & (steps <= LEVELS))
        return (steps.clamp(0, LEVELS) - zero) * scale

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return grad * inside, None, None


class Layer(nn.Module):
    """One layer of BERT: attention, then the feed-forward network, a LayerNorm after each.

    A `short` layer is the last one: only the first token asks, so only its state comes out.
    """

    def __init__(self, shape: Shape, *, short: bool) -> None:
        super().__init__()
        self.heads, self.width, self.short = shape.heads, shape.hidden, short
        self.qkv = nn.Linear(shape.hidden, 3 * shape.hidden)
        self.ao = nn.Linear(shape.hidden, shape.hidden)
        self.aln = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.fi = nn.Linear(shape.hidden, shape.feed_forward)
        self.fo = nn.Linear(shape.feed_forward, shape.hidden)
        self.oln = nn.LayerNorm(shape.hidden, shape.epsilon)
        # The feed-forward has one scale: a scale a channel would cost the runtime a pass over its widest state.
        channels = {"qkv": shape.hidden, "ao": shape.hidden, "fi": shape.hidden, "fo": 1}
        self.sites = nn.ModuleDict({name: Site(width) for name, width in channels.items()})

    def forward(self, state: Tensor) -> Tensor:
        """(texts, tokens, width) to the same, or to (texts, 1, width) when short."""
        texts, tokens, width = state.shape
        head = width // self.heads
        asking = 1 if self.short else tokens
        # Plain products: three times as fast on a CPU as the fused attention, at these lengths.
        three = self.qkv(self.sites["qkv"](state)).view(texts, tokens, 3, self.heads, head).permute(2, 0, 3, 1, 4)
        query, key, value = three.contiguous().view(3, texts * self.heads, tokens, head)
        weights = torch.softmax(torch.bmm(query[:, :asking], key.transpose(1, 2)) / math.sqrt(head), -1)
        mixed = torch.bmm(weights, value).view(texts, self.heads, asking, head).transpose(1, 2)
        mixed = self.ao(self.sites["ao"](mixed.reshape(texts, asking, width)))
        state = self.aln(state[:, :asking] + mixed)
        active = nn.functional.gelu(self.fi(self.sites["fi"](state)))
        grown: Tensor = self.oln(state + self.fo(self.sites["fo"](active)))
        return grown


class Network(nn.Module):
    """Token ids of equal length in, the logits of every task out.

    The heads read the first token's last state beside the mean of all tokens. When `short`, the last layer computes
    the first token only and the mean is that of the layer before: nearly a layer less to compute.
    """

    def __init__(self, shape: Shape, layers: int, words: Tensor, *, short: bool = False) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(words, freeze=True)
        self.places = nn.Parameter(torch.zeros(MAX_TOKENS, shape.hidden))
        self.eln = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape, short=short and n == layers - 1) for n in range(layers))
        self.short = short
        self.heads = nn.ModuleDict({task: nn.Linear(2 * shape.hidden, len(of)) for task, of in TASKS.items()})
        for head in self.heads.values():
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)

    def pooled(self, ids: Tensor) -> Tensor:
        """Ids (texts, tokens) to what the heads read (texts, 2 * width), in float32."""
        state = self.eln(self.words(ids).to(self.places.dtype) + self.places[: ids.shape[1]])
        before = state
        for layer in self.layers:
            before, state = state, layer(state)
        return torch.cat([state[:, 0], (before if self.short else state).mean(1)], -1).float()

    def forward(self, ids: Tensor, dropout: float = 0.0) -> dict[str, Tensor]:
        """Ids (texts, tokens) to logits (texts, labels) of every task, in float32."""
        return self.answers(self.pooled(ids), dropout)

    def answers(self, pooled: Tensor, dropout: float = 0.0) -> dict[str, Tensor]:
        """What the heads read (texts, 2 * width) to logits (texts, labels) of every task, in float32."""
        if dropout:
            pooled = nn.functional.dropout(pooled, dropout, self.training)
        return {task: head(pooled) for task, head in self.heads.items()}

    def sites(self) -> list[Site]:
        """Every place that the shipped file rounds at."""
        return [one for one in self.modules() if isinstance(one, Site)]


@dataclass(frozen=True)
class Base:
    """The published encoder, its vocabulary cut to `ids`."""

    encoder: Encoder
    ids: list[int]

    def network(self, layers: int, *, short: bool = False) -> Network:
        """A network of the lowest `layers`, with untrained heads."""
        shape, encoder = self.encoder.shape, self.encoder
        words = torch.from_numpy(encoder.q4("emb.word", shape.hidden).dequantised()[self.ids])
        made = Network(shape, layers, words, short=short)
        with torch.no_grad():
            places = encoder.floats("emb.pos").reshape(-1, shape.hidden) + encoder.floats("emb.type")[: shape.hidden]
            made.places.copy_(torch.from_numpy(places[:MAX_TOKENS].copy()))
            _copy(made.eln, encoder.floats("emb.ln.w"), encoder.floats("emb.ln.b"))
            for number, layer in enumerate(made.layers):
                self._fill(layer, f"l{number}")
        return made

    def _fill(self, layer: nn.Module, name: str) -> None:
        encoder, width = self.encoder, self.encoder.shape.hidden
        three = [encoder.q4(f"{name}.{part}.w", width).dequantised() for part in "qkv"]
        biases = [torch.from_numpy(encoder.floats(f"{name}.{part}.b").copy()) for part in "qkv"]
        layer.qkv.weight.copy_(torch.cat([torch.from_numpy(one) for one in three]))
        layer.qkv.bias.copy_(torch.cat(biases))
        for part in ("ao", "fi", "fo"):
            columns = encoder.shape.feed_forward if part == "fo" else width
            weight = encoder.q4(f"{name}.{part}.w", columns).dequantised()
            _copy(getattr(layer, part), weight, encoder.floats(f"{name}.{part}.b"))
        for part in ("aln", "oln"):
            _copy(getattr(layer, part), encoder.floats(f"{name}.{part}.w"), encoder.floats(f"{name}.{part}.b"))


def _copy(module: nn.Module, weight: object, bias: object) -> None:
    module.weight.copy_(torch.tensor(weight))
    module.bias.copy_(torch.tensor(bias))
