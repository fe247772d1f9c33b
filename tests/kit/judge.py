"""The built model for tests, opened once a process, and what the encoder should answer, computed in NumPy."""

import math
from functools import cache

import msgspec
import numpy as np
import numpy.typing as npt

from models import bundle
from models.classifier import Judge
from models.encoding import TextEncoder
from models.training import e5_file

Array = npt.NDArray[np.float64]


@cache
def encoder() -> TextEncoder:
    """The artefact that `make setup` built."""
    bundle.verified(bundle.DEFAULT)
    return TextEncoder(bundle.DEFAULT, threads=1)


@cache
def heads() -> bundle.Heads:
    return msgspec.json.decode((bundle.DEFAULT / bundle.HEADS).read_bytes(), type=bundle.Heads)


def fresh_judge() -> Judge:
    """A judge that remembers nothing yet."""
    return Judge(encoder(), heads(), "under-test")


def reference_vector(source: e5_file.Encoder, ids: list[int], layers: int) -> Array:
    """The mean hidden state after `layers` layers for one text, in double precision from the 4-bit weights."""
    shape = source.shape

    def norm(state: Array, name: str) -> Array:
        centred = state - state.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + shape.epsilon)
        normed: Array = scaled * source.floats(f"{name}.w") + source.floats(f"{name}.b")
        return normed

    def linear(state: Array, name: str) -> Array:
        product: Array = state @ source.q4(f"{name}.w", state.shape[1]).dequantised().T
        return product + source.floats(f"{name}.b")

    def split(state: Array) -> Array:
        return state.reshape(len(ids), shape.heads, -1).transpose(1, 0, 2)

    table = source.q4("emb.word", shape.hidden)
    words = ((table.nibbles[ids].astype(np.float64) - 8) * table.scales[ids][:, :, None]).reshape(len(ids), -1)
    places = source.floats("emb.pos").reshape(-1, shape.hidden)[: len(ids)]
    state = norm(words + places + source.floats("emb.type")[: shape.hidden], "emb.ln")
    for layer in (f"l{number}" for number in range(layers)):
        query, key, value = (split(linear(state, f"{layer}.{part}")) for part in "qkv")
        likeness = query @ key.transpose(0, 2, 1) / math.sqrt(shape.hidden / shape.heads)
        shares = np.exp(likeness - likeness.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        context = (shares @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        state = norm(state + linear(context, f"{layer}.ao"), f"{layer}.aln")
        wide = linear(state, f"{layer}.fi")
        active = 0.5 * wide * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        state = norm(state + linear(active, f"{layer}.fo"), f"{layer}.oln")
    mean: Array = state.mean(axis=0)
    return mean
