"""The network with unsigned weights: the same sums, for processors that cut off those of signed ones.

Every weight is raised by 128, and so is the nought that it is counted from. Of an ONNX file only those parts are
declared here that this takes; everything else in it passes through as it is.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_UINT8, _INT8 = 2, 3
_PRODUCT, _WEIGHTS, _ZERO = "MatMulIntegerToFloat", 1, 5
_NOUGHT = "nought"
_RAISED = bytes(byte ^ 128 for byte in range(256))

_Field = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
_WHOLE, _TEXT, _BYTES, _PART = _Field.TYPE_INT64, _Field.TYPE_STRING, _Field.TYPE_BYTES, _Field.TYPE_MESSAGE
_PARTS = {
    "Tensor": [
        _Field(name="data_type", number=2, label=_ONE, type=_WHOLE),
        _Field(name="name", number=8, label=_ONE, type=_TEXT),
        _Field(name="raw_data", number=9, label=_ONE, type=_BYTES),
    ],
    "Node": [
        _Field(name="input", number=1, label=_MANY, type=_TEXT),
        _Field(name="op_type", number=4, label=_ONE, type=_TEXT),
    ],
    "Graph": [
        _Field(name="node", number=1, label=_MANY, type=_PART, type_name=".onnx.Node"),
        _Field(name="initializer", number=5, label=_MANY, type=_PART, type_name=".onnx.Tensor"),
    ],
    "Model": [_Field(name="graph", number=7, label=_ONE, type=_PART, type_name=".onnx.Graph")],
}
_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(
    descriptor_pb2.FileDescriptorProto(
        name="onnx.proto",
        package="onnx",
        message_type=[descriptor_pb2.DescriptorProto(name=name, field=of) for name, of in _PARTS.items()],
    )
)
Model = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("onnx.Model"))
"""An ONNX file: `Model.FromString(bytes)`, `model.graph.node`, `model.SerializeToString()`."""


def with_unsigned_weights(network: bytes) -> bytes:
    """The ONNX file `network` with the weights of its 8-bit products unsigned.

    ValueError when these weights are kept otherwise than the training writes them.
    """
    model = Model.FromString(network)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != _PRODUCT:
            continue
        weights = tensors.get(node.input[_WEIGHTS])
        if weights is None or weights.data_type != _INT8 or not weights.raw_data or node.input[_ZERO]:
            raise ValueError(f"{node.input[_WEIGHTS]} is not kept as signed bytes counted from nought")
        weights.data_type, weights.raw_data = _UINT8, weights.raw_data.translate(_RAISED)
        node.input[_ZERO] = _NOUGHT
    model.graph.initializer.add(name=_NOUGHT, data_type=_UINT8, raw_data=bytes([128]))
    made: bytes = model.SerializeToString()
    return made
