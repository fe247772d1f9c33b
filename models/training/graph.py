"""The encoder as an ONNX graph: 4-bit embeddings bit by bit as published, linear layers in int8.

Every token's row of activations is quantised by itself, so a text's answer cannot depend on its neighbours in
the batch, and the sums of products are whole numbers, exact in any order. Weights get one scale per output
column. LayerNormalization stays plain (the fused form is slower on a CPU). Texts of one run have equal length:
there is no padding and no mask.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.bundle import MAX_TOKENS
from models.training.e5_file import BLOCK, Encoder, Shape, Tensor4

_OPSET, _IR_VERSION = 21, 10
_CONTRIB = "com.microsoft"
_ZERO = 128  # activations are unsigned with the zero in the middle: the fast path of x86
_LARGEST = 127.0

Array = npt.NDArray[np.float32]


class _Graph:
    """Nodes and constants under construction; every method returns the name of the tensor it makes."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        head = shape.hidden // shape.heads
        whole = {"flat": [-1, shape.hidden], "last": [-1], "first": [0], "step": [1], "width": [shape.hidden]}
        for name, value in (whole | {"three_heads": [3, shape.heads, head]}).items():
            self.constant(name, np.array(value, np.int64))
        self.constant("per_step", np.array(1 / _LARGEST, np.float32))
        self.constant("smallest", np.array(1e-6, np.float32))
        self.constant("unit", np.array(1.0, np.float32))
        self.constant("zero", np.array(_ZERO, np.uint8))

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], output, domain=domain, **attributes))
        return output

    def split(self, source: str, outputs: Sequence[str]) -> None:
        self.nodes.append(helper.make_node("Split", [source], outputs, outputs[0], axis=0, num_outputs=len(outputs)))

    def norm(self, source: str, output: str, weight: Array, bias: Array) -> str:
        names = [source, self.constant(f"{output}.w", weight), self.constant(f"{output}.b", bias)]
        return self.node("LayerNormalization", names, output, axis=-1, epsilon=self.shape.epsilon)

    def linear(self, source: str, output: str, weight: Array, bias: Array) -> str:
        """`source` (tokens, in) times `weight` (in, out) plus `bias`, in 8 bits, a scale per row and column."""
        scale = (np.abs(weight).max(axis=0) / _LARGEST).astype(np.float32)
        self.constant(f"{output}.q", np.clip(np.rint(weight / scale), -_LARGEST, _LARGEST).astype(np.int8))
        self.constant(f"{output}.s", scale)
        self.constant(f"{output}.b", bias)
        rows = self.node("Abs", [source], f"{source}.abs")
        rows = self.node("ReduceMax", [rows, "last"], f"{source}.max", keepdims=1)
        rows = self.node("Mul", [rows, "per_step"], f"{source}.raw")
        rows = self.node("Max", [rows, "smallest"], f"{source}.scale")
        flat = self.node("Reshape", [rows, "last"], f"{source}.scales")
        count = self.node("Shape", [flat], f"{source}.count")
        middle = helper.make_tensor("middle", TensorProto.UINT8, [1], [_ZERO])
        zeros = self.node("ConstantOfShape", [count], f"{source}.zeros", value=middle)
        whole = self.node("QuantizeLinear", [source, flat, zeros], f"{source}.u8", axis=0)
        product = [whole, f"{output}.q", "unit", f"{output}.s", "zero"]
        product_name = self.node("MatMulIntegerToFloat", product, f"{output}.product", _CONTRIB)
        scaled = self.node("Mul", [product_name, rows], f"{output}.scaled")
        return self.node("Add", [scaled, f"{output}.b"], output)


def build(encoder: Encoder, ids: list[int], layers: int) -> onnx.ModelProto:
    """The graph `input_ids` (texts, tokens) int64 -> `hidden` (texts, tokens, width) float32 after `layers` layers.

    `ids` are the encoder's pieces kept, in the order of the tokenizer.
    """
    graph = _Graph(encoder.shape)
    state = _embed(graph, encoder, ids)
    for number in range(layers):
        state = _layer(graph, encoder, f"l{number}", state)
    output = graph.node("Reshape", [state, "shape"], "hidden")
    made = helper.make_graph(
        graph.nodes,
        "encoder",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["texts", "tokens", encoder.shape.hidden])],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="tocsin")


def _embed(graph: _Graph, encoder: Encoder, ids: list[int]) -> str:
    width = encoder.shape.hidden
    table = encoder.q4("emb.word", width)
    _pack(graph, Tensor4(table.nibbles[ids], table.scales[ids]))
    words = graph.node(
        "GatherBlockQuantized", ["words.q", "input_ids", "words.s"], "words", _CONTRIB,
        gather_axis=0, quantize_axis=1, block_size=BLOCK,
    )  # fmt: skip
    places = encoder.floats("emb.pos").reshape(-1, width) + encoder.floats("emb.type")[:width]
    graph.constant("places", places[None, :MAX_TOKENS])
    tokens = graph.node("Shape", ["input_ids"], "tokens", start=1, end=2)
    place = graph.node("Slice", ["places", "first", tokens, "step"], "place")
    both = graph.node("Add", [words, place], "words.place")
    state = graph.norm(both, "embedded", encoder.floats("emb.ln.w"), encoder.floats("emb.ln.b"))
    size = graph.node("Shape", ["input_ids"], "size")
    graph.node("Concat", [size, "three_heads"], "heads", axis=0)
    graph.node("Concat", [size, "width"], "shape", axis=0)
    return graph.node("Reshape", [state, "flat"], "rows")


def _pack(graph: _Graph, table: Tensor4) -> None:
    rows = table.nibbles.reshape(table.nibbles.shape[0], -1)
    signed = (rows.astype(np.int8) - 8).view(np.uint8) & 15
    packed = signed[:, 0::2] | (signed[:, 1::2] << 4)
    graph.constants.append(helper.make_tensor("words.q", TensorProto.INT4, rows.shape, packed.tobytes(), raw=True))
    graph.constant("words.s", table.scales)


def _layer(graph: _Graph, encoder: Encoder, name: str, state: str) -> str:
    def bias(part: str) -> Array:
        return encoder.floats(f"{name}.{part}.b")

    def weight(part: str, columns: int = encoder.shape.hidden) -> Array:
        return encoder.q4(f"{name}.{part}.w", columns).dequantised().T

    def norm(source: str, part: str) -> str:
        return graph.norm(source, f"{name}.{part}", encoder.floats(f"{name}.{part}.w"), bias(part))

    root = np.float32(
        (encoder.shape.hidden // encoder.shape.heads) ** -0.5
    )  # the softmax's scale, folded into the query
    three = np.concatenate([weight("q") * root, weight("k"), weight("v")], axis=1)
    joint = graph.linear(state, f"{name}.qkv", three, np.concatenate([bias("q") * root, bias("k"), bias("v")]))
    mixed = graph.linear(_attend(graph, name, joint), f"{name}.ao", weight("ao"), bias("ao"))
    state = norm(graph.node("Add", [state, mixed], f"{name}.mixed"), "aln")
    wide = graph.linear(state, f"{name}.fi", weight("fi"), bias("fi"))
    active = graph.node("Gelu", [wide], f"{name}.active", _CONTRIB)
    narrow = graph.linear(active, f"{name}.fo", weight("fo", encoder.shape.feed_forward), bias("fo"))
    return norm(graph.node("Add", [state, narrow], f"{name}.grown"), "oln")


def _attend(graph: _Graph, name: str, joint: str) -> str:
    heads = graph.node("Reshape", [joint, "heads"], f"{name}.heads")
    turned = graph.node("Transpose", [heads], f"{name}.turned", perm=[2, 0, 3, 1, 4])
    graph.split(turned, [f"{name}.{part}.one" for part in "qkv"])
    query, key, value = (graph.node("Squeeze", [f"{name}.{part}.one", "first"], f"{name}.{part}") for part in "qkv")
    key = graph.node("Transpose", [key], f"{name}.kt", perm=[0, 1, 3, 2])
    weights = graph.node("Softmax", [graph.node("MatMul", [query, key], f"{name}.qk")], f"{name}.weights", axis=-1)
    seen = graph.node("MatMul", [weights, value], f"{name}.seen")
    back = graph.node("Transpose", [seen], f"{name}.back", perm=[0, 2, 1, 3])
    return graph.node("Reshape", [back, "flat"], f"{name}.context")
