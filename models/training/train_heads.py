"""Train `models/heads.json`: sentiment, urgency and theme on the frozen encoder, and print how good they are.

    python -m models.training.train_heads --sets ../shared/data --version 1

Sentiment learns from public sets and the written examples. Urgency and theme learn from the written examples; so that
urgency knows what ordinary talk looks like, public texts whose sentiment is known join it with a small weight
(neutral and positive ones as low, complaints as normal). Everything is seeded by construction: no random step.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from domain.judgement import SENTIMENTS, THEMES, URGENCIES
from models import bundle
from models.encoding import TextEncoder
from models.text import prepare
from models.training import build, sets
from models.training.figures import Judged, report

LAYER = 8
_STRENGTH = {"sentiment": 0.003, "urgency": 0.01, "theme": 0.01}
_LABELS: dict[str, tuple[str, ...]] = {"sentiment": SENTIMENTS, "urgency": URGENCIES, "theme": THEMES}
_TEMPERATURES = np.linspace(0.5, 3.0, 51)
_WEAK = {"negative": ("normal", 0.1), "neutral": ("low", 0.1), "positive": ("low", 0.1)}
_WEAK_MOST = 120
_FIRST_MESSAGES, _FIRST_WEIGHT = 260, 0.04
_DECIMALS = 4

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Rows:
    """Vectors with a label and a weight each."""

    vectors: Matrix
    labels: list[str]
    weights: npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Vectors:
    """Everything encoded once."""

    parts: list[tuple[sets.Part, Matrix, Matrix]]
    own: tuple[list[sets.Example], Matrix]
    validation: tuple[list[sets.Example], Matrix]
    first: Matrix


def main() -> None:
    """Encode, fit, calibrate, write, report."""
    parser = argparse.ArgumentParser(description="Train the heads on the frozen encoder.")
    parser.add_argument("--sets", type=Path, required=True, help="folder of the public sets (JSON Lines, gzip)")
    parser.add_argument("--version", required=True, help="written into the heads and the model's name")
    parser.add_argument("--out", type=Path, default=build.HEADS)
    chosen = parser.parse_args()
    seen = _encode(chosen.sets)
    strict = _head("sentiment", seen, _sentiment(seen, stated=True))
    heads = [_head("sentiment", seen, _sentiment(seen)), _head("urgency", seen, _urgency(seen))]
    heads.append(_head("theme", seen, _own(seen, "theme")))
    made = bundle.Heads(chosen.version, LAYER, heads)
    chosen.out.write_bytes(_one_row_a_line(made))
    figures = [report(judged) for head in heads for judged in _judged(head, seen)]
    figures += [report(judged, note="sets with a stated licence only") for judged in _judged(strict, seen)]
    print(json.dumps(figures, ensure_ascii=False, indent=1))


def _encode(folder: Path) -> _Vectors:
    with tempfile.TemporaryDirectory() as scratch:
        build.write_encoder(Path(scratch), LAYER)
        encoder = TextEncoder(Path(scratch), threads=1)

        def vectors(examples: list[sets.Example]) -> Matrix:
            return np.array(encoder.vectors([prepare(one.text) for one in examples]), np.float32)

        parts = [(part, vectors(part.train), vectors(part.held)) for part in sets.public(folder)]
        own, validation = sets.own("urgency_theme"), sets.own("urgency_theme_validation")
        first = vectors(sets.first_messages(folder)[:_FIRST_MESSAGES])
        return _Vectors(parts, (own, vectors(own)), (validation, vectors(validation)), first)


def _own(seen: _Vectors, task: str) -> _Rows:
    examples, vectors = seen.own
    return _Rows(vectors, [one.labels[task] for one in examples], np.ones(len(examples)))


def _sentiment(seen: _Vectors, *, stated: bool = False) -> _Rows:
    """All sets, each one's classes half-way levelled: sets differ wildly in how much neutral they hold."""
    rows = [_own(seen, "sentiment")]
    for part, vectors, _ in seen.parts:
        if part.train and (part.stated or not stated):
            labels = [one.labels["sentiment"] for one in part.train]
            rows.append(_Rows(vectors, labels, np.sqrt(_levelled(labels))))
    return _joined(rows)


def _urgency(seen: _Vectors) -> _Rows:
    own = _own(seen, "urgency")
    rows = [_Rows(own.vectors, own.labels, _levelled(own.labels))]
    for part, vectors, _ in seen.parts:
        for sentiment, (urgency, weight) in _WEAK.items():
            places = [n for n, one in enumerate(part.train) if one.labels["sentiment"] == sentiment][:_WEAK_MOST]
            rows.append(_Rows(vectors[places], [urgency] * len(places), np.full(len(places), weight)))
    count = len(seen.first)
    return _joined([*rows, _Rows(seen.first, ["normal"] * count, np.full(count, _FIRST_WEIGHT))])


def _levelled(labels: list[str]) -> npt.NDArray[np.float64]:
    """Weights under which every label counts the same, one on average."""
    counts = {label: labels.count(label) for label in set(labels)}
    return np.array([len(labels) / len(counts) / counts[label] for label in labels])


def _joined(rows: list[_Rows]) -> _Rows:
    filled = [one for one in rows if one.labels]
    return _Rows(
        np.concatenate([one.vectors for one in filled]),
        [label for one in filled for label in one.labels],
        np.concatenate([one.weights for one in filled]),
    )


def _head(task: str, seen: _Vectors, rows: _Rows) -> bundle.Head:
    centre, spread = rows.vectors.mean(axis=0), rows.vectors.std(axis=0)
    labels = _LABELS[task]
    fitted = LogisticRegression(C=_STRENGTH[task], max_iter=1000)
    fitted.fit((rows.vectors - centre) / spread, [labels.index(label) for label in rows.labels], rows.weights)
    weights = fitted.coef_ / spread
    bias = fitted.intercept_ - weights @ centre
    raw = bundle.Head(task, list(labels), _rounded(weights), _rounded(bias), 1.0)
    return msgspec.structs.replace(raw, temperature=_temperature(raw, seen))


def _rounded(values: npt.NDArray[np.float64]) -> list:  # type: ignore[type-arg]  # nested as deep as the array is
    return np.round(values.astype(np.float64), _DECIMALS).tolist()  # type: ignore[no-any-return]  # numpy types tolist as Any


def _temperature(head: bundle.Head, seen: _Vectors) -> float:
    """The temperature under which the held-out answers are likeliest, each set counting the same."""
    judged = [one for one in _judged(head, seen) if one.trained]
    surprises = {float(t): float(np.mean([one.surprise(t) for one in judged])) for t in _TEMPERATURES}
    likeliest = min(surprises, key=surprises.__getitem__)
    return round(likeliest, 2)


def _judged(head: bundle.Head, seen: _Vectors) -> list[Judged]:
    """The head's answers on every held-out part that has its labels."""
    weights, bias = np.array(head.weights).T, np.array(head.bias)

    def one(name: str, examples: list[sets.Example], vectors: Matrix, *, trained: bool) -> Judged:
        logits = (vectors @ weights + bias) / head.temperature
        truth = [head.labels.index(example.labels[head.task]) for example in examples]
        return Judged(name, head.task, head.labels, np.array(truth), logits, [e.lang for e in examples], trained)

    examples, vectors = seen.validation
    found = [one("own validation", examples, vectors, trained=True)]
    if head.task == "sentiment":
        found += [one(p.name, p.held, held, trained=bool(p.train)) for p, _, held in seen.parts if p.held]
    return found


def _one_row_a_line(heads: bundle.Heads) -> bytes:
    compact = json.dumps(msgspec.to_builtins(heads), separators=(",", ":"))
    return compact.replace("],[", "],\n[").replace("},{", "},\n{").encode() + b"\n"


if __name__ == "__main__":
    main()
