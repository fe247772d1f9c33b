"""The folder of a trained model: what is in it, and that it is what the training wrote."""

import hashlib
from pathlib import Path

import msgspec

from domain.errors import ModelError

MAX_TOKENS = 128
WINDOWS = 4
"""A text is read in windows of `MAX_TOKENS` tokens (marks and the brand's name included), at most this many."""

DEFAULT = Path(__file__).parent / "artefact"
REMEDY = "take it anew from the repository, or train one: docs/how-to/train-the-judge.md"
MANIFEST, NETWORK, TOKENIZER, HEADS = "manifest.json", "model.onnx", "tokenizer.json", "heads.json"


class Manifest(msgspec.Struct, frozen=True):
    """The model's name and the checksum of each of its files."""

    name: str
    files: dict[str, str]


class Head(msgspec.Struct, frozen=True):
    """One linear layer: `weights` (labels, 2 * width), `bias` (labels); (logits + offsets) / temperature are judged.

    `offsets` move the balance between labels and `temperature` makes probabilities honest; both were fitted on
    held-out posts.
    """

    task: str
    labels: list[str]
    weights: list[list[float]]
    bias: list[float]
    offsets: list[float]
    temperature: float


class Heads(msgspec.Struct, frozen=True):
    """What turns the network's vectors into answers."""

    heads: list[Head]


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(folder: Path) -> Manifest:
    """The manifest of `folder`, after every file of it was compared; ModelError says what to do."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise ModelError(f"there is no model in {folder}: {REMEDY}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path} cannot be read ({error}): {REMEDY}") from error
    for name, expected in manifest.files.items():
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is missing: {REMEDY}")
        if checksum(folder / name) != expected:
            raise ModelError(f"{folder / name} is not what the training wrote: {REMEDY}")
    return manifest
