"""The folder of a built model: what is in it, and that it is what the build wrote."""

import hashlib
from pathlib import Path

import msgspec

from domain.errors import ModelError

MAX_TOKENS = 128
WINDOWS = 2
"""A text is read in windows of `MAX_TOKENS` tokens (the first and last are marks), at most this many, averaged."""

DEFAULT = Path(__file__).parent / "artefact"
BUILD = "python -m models.training.build"
MANIFEST, ENCODER, TOKENIZER, HEADS, CONFIG, NOTICE = (
    "manifest.json", "encoder.onnx", "tokenizer.json", "heads.json", "config.json", "NOTICE",
)  # fmt: skip


class Manifest(msgspec.Struct, frozen=True):
    """The model's name, the checksum of everything it was made from, and one per file."""

    name: str
    recipe: str
    files: dict[str, str]


class Head(msgspec.Struct, frozen=True):
    """One linear layer on the pooled encoder: `weights` (labels, width), `bias` (labels); logits / temperature."""

    task: str
    labels: list[str]
    weights: list[list[float]]
    bias: list[float]
    temperature: float


class Heads(msgspec.Struct, frozen=True):
    """The trained part of the model: which layer's mean the heads read, and the heads."""

    version: str
    layer: int
    heads: list[Head]


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(folder: Path) -> Manifest:
    """The manifest of `folder`, after every file of it was compared; ModelError says how to rebuild."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise ModelError(f"there is no model in {folder}: build it with `{BUILD} --out {folder}`") from None
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path} cannot be read ({error}): rebuild with `{BUILD} --out {folder}`") from error
    for name, expected in manifest.files.items():
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is missing: rebuild with `{BUILD} --out {folder}`")
        if checksum(folder / name) != expected:
            raise ModelError(f"{folder / name} is not what was built: rebuild with `{BUILD} --out {folder}`")
    return manifest
