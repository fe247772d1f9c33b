"""The trained network as an ONNX graph: 4-bit embeddings bit by bit as published, linear layers in int8.

Activations are rounded with scales that training has fixed, so a text's answer cannot depend on its neighbours in the
batch, and the sums of products are whole numbers, exact in any order. Weights get one scale per output column. A
LayerNormalization is spelt out: ONNX Runtime's own takes four times as long on a CPU. Texts of one run have equal
length: there is no padding and no mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.training.e5_file import BLOCK, Shape, Tensor4

_OPSET, _IR_VERSION = 21, 10
_CONTRIB = "com.microsoft"
_LARGEST = 127.0

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rounding:
    """How one activation is rounded to 8 bits: `scale` a step (channels, or one for all), `zero` its zero step."""

    scale: Array
    zero: int


@dataclass(frozen=True)
class Trained:
    """Everything the graph holds. `weights` are named as in the network, linear ones are [out, in]."""

    shape: Shape
    layers: int
    short: bool
    words: Tensor4
    weights: Mapping[str, Array]
    roundings: Mapping[str, Rounding]


class _Graph:
    """Nodes and constants under construction; every method returns the name of the tensor it makes."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        head = shape.hidden // shape.heads
        whole = {
            "last": [-1], "zeroth": [0], "step": [1], "split": [0, 0, shape.heads, head],
            "flat": [0, 0, shape.hidden],
        }  # fmt: skip
        for name, value in whole.items():
            self.constant(name, np.array(value, np.int64))
        self.constant("unit", np.array(1.0, np.float32))
        self.constant("epsilon", np.array(shape.epsilon, np.float32))

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], output, domain=domain, **attributes))
        return output

    def norm(self, source: str, output: str, weight: Array, bias: Array) -> str:
        mean = self.node("ReduceMean", [source, "last"], f"{output}.mean", keepdims=1)
        centred = self.node("Sub", [source, mean], f"{output}.centred")
        square = self.node("Mul", [centred, centred], f"{output}.square")
        spread = self.node("ReduceMean", [square, "last"], f"{output}.spread", keepdims=1)
        spread = self.node("Sqrt", [self.node("Add", [spread, "epsilon"], f"{output}.above")], f"{output}.root")
        unit = self.node("Mul", [centred, self.node("Reciprocal", [spread], f"{output}.inverse")], f"{output}.unit")
        gained = self.node("Mul", [unit, self.constant(f"{output}.w", weight)], f"{output}.gained")
        return self.node("Add", [gained, self.constant(f"{output}.b", bias)], output)

    def rounded(self, source: str, name: str, rounding: Rounding) -> tuple[str, str, str]:
        """`source` in 8 bits: names of it, its scale and its zero. A scale a channel is left to the weights."""
        zero = self.constant(f"{name}.zero", np.array(rounding.zero, np.uint8))
        if len(rounding.scale) == 1:
            scale = self.constant(f"{name}.scale", rounding.scale[0])
        else:
            finer = self.constant(f"{name}.finer", (1 / rounding.scale).astype(np.float32))
            source, scale = self.node("Mul", [source, finer], f"{name}.fine"), "unit"
        return self.node("QuantizeLinear", [source, scale, zero], f"{name}.u8"), scale, zero

    def linear(self, given: tuple[str, str, str], output: str, weight: Array, bias: Array) -> str:
        """The rounded `given` (tokens, in) times `weight` (in, out) plus `bias`."""
        scale = (np.abs(weight).max(axis=0) / _LARGEST).astype(np.float32)
        weights = self.constant(f"{output}.q", np.clip(np.rint(weight / scale), -_LARGEST, _LARGEST).astype(np.int8))
        steps, biases = self.constant(f"{output}.s", scale), self.constant(f"{output}.b", bias)
        source, step, zero = given
        return self.node("MatMulIntegerToFloat", [source, weights, step, steps, zero, "", biases], output, _CONTRIB)


def build(trained: Trained) -> onnx.ModelProto:
    """The graph: `input_ids` (texts, tokens) int64 to `first` (texts, width) and `tokens` (texts, tokens, width).

    `first` is the first token's last state; the mean over `tokens` is the other half of what the heads read.
    """
    graph = _Graph(trained.shape)
    before = state = _embed(graph, trained)
    for number in range(trained.layers):
        before, state = state, _layer(graph, trained, number, state)
    asked = state if trained.short else graph.node("Slice", [state, "zeroth", "step", "step"], "asked")
    graph.node("Squeeze", [asked, "step"], "first_state")
    graph.node("Identity", [before if trained.short else state], "tokens")
    width = trained.shape.hidden
    made = helper.make_graph(
        graph.nodes,
        "judge",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "length"])],
        [
            helper.make_tensor_value_info("first_state", TensorProto.FLOAT, ["texts", width]),
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["texts", "length", width]),
        ],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="tocsin")


def _embed(graph: _Graph, trained: Trained) -> str:
    _pack(graph, trained.words)
    words = graph.node(
        "GatherBlockQuantized", ["words.q", "input_ids", "words.s"], "words", _CONTRIB,
        gather_axis=0, quantize_axis=1, block_size=BLOCK,
    )  # fmt: skip
    graph.constant("places", trained.weights["places"][None])
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    place = graph.node("Slice", ["places", "zeroth", length, "step"], "place")
    both = graph.node("Add", [words, place], "words.place")
    return graph.norm(both, "embedded", trained.weights["eln.weight"], trained.weights["eln.bias"])


def _pack(graph: _Graph, table: Tensor4) -> None:
    rows = table.nibbles.reshape(table.nibbles.shape[0], -1)
    signed = (rows.astype(np.int8) - 8).view(np.uint8) & 15
    packed = signed[:, 0::2] | (signed[:, 1::2] << 4)
    graph.constants.append(helper.make_tensor("words.q", TensorProto.INT4, rows.shape, packed.tobytes(), raw=True))
    graph.constant("words.s", table.scales)


def _layer(graph: _Graph, trained: Trained, number: int, state: str) -> str:
    name, short = f"l{number}", trained.short and number == trained.layers - 1

    def parameters(part: str) -> tuple[Array, Array]:
        stem = f"layers.{number}.{part}"
        return trained.weights[f"{stem}.weight"], trained.weights[f"{stem}.bias"]

    def linear(source: str, part: str, weight: Array, bias: Array) -> str:
        rounding = trained.roundings[f"layers.{number}.{part}"]
        if len(rounding.scale) > 1:
            weight = weight * rounding.scale[:, None]
        return graph.linear(graph.rounded(source, f"{name}.{part}.in", rounding), f"{name}.{part}", weight, bias)

    context = _attend(graph, trained, number, state, short=short)
    weight, bias = parameters("ao")
    scale = trained.roundings[f"layers.{number}.ao"]
    given = graph.rounded(context, f"{name}.ao.in", Rounding(np.ones(1, np.float32), scale.zero))
    mixed = graph.linear(given, f"{name}.ao", weight.T * scale.scale[:, None], bias)
    asking = graph.node("Slice", [state, "zeroth", "step", "step"], f"{name}.asking") if short else state
    state = graph.norm(graph.node("Add", [asking, mixed], f"{name}.mixed"), f"{name}.aln", *parameters("aln"))
    weight, bias = parameters("fi")
    active = graph.node("Gelu", [linear(state, "fi", weight.T, bias)], f"{name}.active", _CONTRIB)
    weight, bias = parameters("fo")
    narrow = linear(active, "fo", weight.T, bias)
    return graph.norm(graph.node("Add", [state, narrow], f"{name}.grown"), f"{name}.oln", *parameters("oln"))


def _attend(graph: _Graph, trained: Trained, number: int, state: str, *, short: bool) -> str:
    """The heads' answers, in steps of the next rounding: its scale and the softmax's root are left to the weights."""
    name, stem, width = f"l{number}", f"layers.{number}.qkv", trained.shape.hidden
    query, key, value = np.split(trained.weights[f"{stem}.weight"].T, 3, axis=1)
    query_bias, key_bias, value_bias = np.split(trained.weights[f"{stem}.bias"], 3)
    root = np.float32((width // trained.shape.heads) ** -0.5)
    finer = 1 / trained.roundings[f"layers.{number}.ao"].scale
    rounding = trained.roundings[stem]
    given = graph.rounded(state, f"{name}.qkv.in", rounding)
    asking = given
    if short:
        asking = (graph.node("Slice", [given[0], "zeroth", "step", "step"], f"{name}.one"), given[1], given[2])
    parts = {
        "q": (asking, query * root, query_bias * root, [0, 2, 1, 3]),
        "k": (given, key, key_bias, [0, 2, 3, 1]),
        "v": (given, value * finer, value_bias * finer, [0, 2, 1, 3]),
    }
    seen = {}
    for part, (source, weight, bias, turn) in parts.items():
        made = graph.linear(source, f"{name}.{part}", weight * rounding.scale[:, None], bias.astype(np.float32))
        heads = graph.node("Reshape", [made, "split"], f"{name}.{part}.heads")
        seen[part] = graph.node("Transpose", [heads], f"{name}.{part}.turned", perm=turn)
    scores = graph.node("MatMul", [seen["q"], seen["k"]], f"{name}.scores")
    weights = graph.node("Softmax", [scores], f"{name}.weights", axis=-1)
    mixed = graph.node("MatMul", [weights, seen["v"]], f"{name}.seen")
    back = graph.node("Transpose", [mixed], f"{name}.back", perm=[0, 2, 1, 3])
    return graph.node("Reshape", [back, "flat"], f"{name}.context")
