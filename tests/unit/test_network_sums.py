"""The sums of products inside the shipped network are whole, whichever processor it runs on.

On x86 without VNNI ONNX Runtime's sums of unsigned times signed bytes are wrong: each is compared with NumPy's.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from domain.errors import ModelError
from domain.judgement import SUPPORTED_LANGUAGES
from models import bundle, onnx
from models.training.corpus import WRITTEN, written
from models.unsigned import Model, with_unsigned_weights
from tests.kit.judge import encoder

NETWORK = bundle.DEFAULT / bundle.NETWORK
TOKENS = 20


@cache
def shipped() -> bytes:
    return NETWORK.read_bytes()


@cache
def products() -> list[list[str]]:
    """What goes into each product: activations, weights, the steps of both, zero, nothing, biases."""
    return [list(n.input) for n in Model.FromString(shipped()).graph.node if n.op_type == "MatMulIntegerToFloat"]


def answer(weights: str) -> str:
    """What comes out of the product with these weights."""
    return weights.removesuffix(".q")


@cache
def constants() -> dict[str, npt.NDArray[Any]]:
    kinds = {1: np.float32, 2: np.uint8, 3: np.int8}
    return {
        tensor.name: np.frombuffer(tensor.raw_data, kinds[tensor.data_type])
        for tensor in Model.FromString(shipped()).graph.initializer
        if tensor.data_type in kinds
    }


def telling(network: bytes, names: set[str]) -> bytes:
    """The network with inner tensors as further outputs: an ONNX file takes additions at its end."""

    def part(number: int, content: bytes) -> bytes:
        return bytes([8 * number + 2, len(content)]) + content

    return network + b"".join(part(7, part(12, part(1, name.encode()))) for name in sorted(names))


def posts() -> Iterator[npt.NDArray[np.int64]]:
    """In tokens: one post, and ten, two of each language."""
    rows = [row for lang in SUPPORTED_LANGUAGES for row in written(WRITTEN / f"{lang}.validation.jsonl")]
    split = encoder()._split([row.text for row in rows], [row.brand for row in rows])
    whole = [(row.lang, ids[0][:TOKENS]) for row, ids in zip(rows, split, strict=True) if len(ids[0]) >= TOKENS]
    several = [ids for lang in SUPPORTED_LANGUAGES for ids in [ids for of, ids in whole if of == lang][:2]]
    yield np.array(several[:1])
    yield np.array(several)


def farthest(network: bytes) -> int:
    """How far the farthest sum of the `network` is from what it should be, counted in products of one by one."""
    inner = {name for given, weights, *_ in products() for name in (given, answer(weights))}
    session = onnx.session(telling(network, inner))
    known, far = constants(), 0
    for ids in posts():
        said = dict(zip(sorted(inner), session.run(sorted(inner), {"input_ids": ids}), strict=True))
        for given, weights, step, steps, zero, _, biases in products():
            # Whole numbers below 2^53 are exact in 64-bit floats, and quick.
            matrix = known[weights].reshape(-1, len(known[steps])).astype(np.float64)
            whole = (said[given].astype(np.float64) - known[zero]) @ matrix
            scale = known[step].astype(np.float64) * known[steps]
            found = np.rint((said[answer(weights)].astype(np.float64) - known[biases]) / scale)
            far = max(far, int(np.abs(found - whole).max()))
    return far


def test_the_sums_of_the_network_with_unsigned_weights_are_whole() -> None:
    assert len(products()) == 36
    assert farthest(with_unsigned_weights(shipped())) == 0


def test_the_network_as_it_is_sums_wrongly_just_where_the_processor_is_said_to() -> None:
    assert (farthest(shipped()) > 0) == onnx.saturates()


def test_what_runs_says_what_the_network_with_unsigned_weights_says() -> None:
    runs, exact = onnx.opened(NETWORK), onnx.session(with_unsigned_weights(shipped()))
    for ids in posts():
        for ours, theirs in zip(runs.run(None, {"input_ids": ids}), exact.run(None, {"input_ids": ids}), strict=True):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("machine", "processors", "saturates"),
    [
        ("x86_64", ["fpu avx2"], True),
        ("x86_64", ["fpu avx2 avx512f avx512bw"], True),
        ("x86_64", ["fpu avx2 avx512_4vnniw"], True),
        ("x86_64", ["fpu avx2 avx512f avx512_vnni"], False),
        ("AMD64", ["fpu avx2 avx_vnni"], False),
        ("x86_64", ["fpu avx2 avx_vnni", "fpu avx2"], True),
        ("x86_64", [], True),
        ("aarch64", [], False),
        ("arm64", ["fpu"], False),
    ],
)
def test_x86_without_vnni_is_known_by_its_flags(
    tmp_path: Path,
    machine: str,
    processors: list[str],
    saturates: bool,  # noqa: FBT001
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("".join(f"processor\t: {n}\nflags\t\t: {of}\n\n" for n, of in enumerate(processors)))
    assert onnx.saturates(machine, cpuinfo) == saturates


def test_x86_that_does_not_say_is_taken_for_one_without(tmp_path: Path) -> None:
    assert onnx.saturates("x86_64", tmp_path / "nowhere")
    assert not onnx.saturates("aarch64", tmp_path / "nowhere")


def test_weights_that_are_kept_otherwise_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "saturates", lambda: True)
    (tmp_path / "model.onnx").write_bytes(with_unsigned_weights(shipped()))
    with pytest.raises(ModelError, match=r"model.onnx cannot be opened .*l0.q.q is not kept as signed bytes"):
        onnx.opened(tmp_path / "model.onnx")
