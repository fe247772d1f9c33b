"""The model while it is trained: the encoder in PyTorch, with the judge's heads on top.

The word embeddings stay as published (4 bits a weight, frozen), so that the shipped file can hold them bit by bit.
Texts of one batch have equal length: there is no padding and no mask, in training as at run time.
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from models.bundle import MAX_TOKENS
from models.training.corpus import TASKS
from models.training.e5_file import Encoder, Shape


class Layer(nn.Module):
    """One layer of BERT: attention, then the feed-forward network, a LayerNorm after each."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.width = shape.heads, shape.hidden
        self.qkv = nn.Linear(shape.hidden, 3 * shape.hidden)
        self.ao = nn.Linear(shape.hidden, shape.hidden)
        self.aln = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.fi = nn.Linear(shape.hidden, shape.feed_forward)
        self.fo = nn.Linear(shape.feed_forward, shape.hidden)
        self.oln = nn.LayerNorm(shape.hidden, shape.epsilon)

    def forward(self, state: Tensor) -> Tensor:
        """(texts, tokens, width) to the same."""
        texts, tokens, width = state.shape
        head = width // self.heads
        # Plain products: three times as fast on a CPU as the fused attention, at these lengths.
        three = self.qkv(state).view(texts, tokens, 3, self.heads, head).permute(2, 0, 3, 1, 4)
        query, key, value = three.contiguous().view(3, texts * self.heads, tokens, head)
        weights = torch.softmax(torch.bmm(query, key.transpose(1, 2)) / math.sqrt(head), -1)
        mixed = torch.bmm(weights, value).view(texts, self.heads, tokens, head).transpose(1, 2)
        state = self.aln(state + self.ao(mixed.reshape(texts, tokens, width)))
        return self.oln(state + self.fo(nn.functional.gelu(self.fi(state))))


class Network(nn.Module):
    """Token ids of equal length in, the logits of every task out."""

    def __init__(self, shape: Shape, layers: int, words: Tensor) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(words, freeze=True)
        self.places = nn.Parameter(torch.zeros(MAX_TOKENS, shape.hidden))
        self.eln = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(layers))
        self.heads = nn.ModuleDict({task: nn.Linear(2 * shape.hidden, len(of)) for task, of in TASKS.items()})
        for head in self.heads.values():
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)

    def hidden(self, ids: Tensor) -> Tensor:
        """Ids (texts, tokens) to the last layer's states (texts, tokens, width)."""
        state = self.eln(self.words(ids).to(self.places.dtype) + self.places[: ids.shape[1]])
        for layer in self.layers:
            state = layer(state)
        return state

    def forward(self, ids: Tensor, dropout: float = 0.0) -> dict[str, Tensor]:
        """Ids (texts, tokens) to logits (texts, labels) of every task, in float32."""
        state = self.hidden(ids)
        pooled = torch.cat([state[:, 0], state.mean(1)], -1).float()
        if dropout:
            pooled = nn.functional.dropout(pooled, dropout, self.training)
        return {task: head(pooled) for task, head in self.heads.items()}


@dataclass(frozen=True)
class Base:
    """The published encoder, its vocabulary cut to `ids`."""

    encoder: Encoder
    ids: list[int]

    def network(self, layers: int) -> Network:
        """A network of the lowest `layers`, with untrained heads."""
        shape, encoder = self.encoder.shape, self.encoder
        words = torch.from_numpy(encoder.q4("emb.word", shape.hidden).dequantised()[self.ids])
        made = Network(shape, layers, words)
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
            _copy(getattr(layer, part), encoder.q4(f"{name}.{part}.w", columns).dequantised(), encoder.floats(f"{name}.{part}.b"))
        for part in ("aln", "oln"):
            _copy(getattr(layer, part), encoder.floats(f"{name}.{part}.w"), encoder.floats(f"{name}.{part}.b"))


def _copy(module: nn.Module, weight: object, bias: object) -> None:
    module.weight.copy_(torch.tensor(weight))
    module.bias.copy_(torch.tensor(bias))
