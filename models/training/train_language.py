"""Fit `models/kazakh.json`: what tells Kazakh from Russian when the Kazakh letters are not typed.

    python -m models.training.train_language --sets ../shared/data

Weights of whole short words, beginnings and endings, by an L1 logistic regression on KazSAnDRA's training part
(class A) against RuSentiTweet, SentiRuEval-2016 banks (no licence stated) and RuSentNE-2023 (MIT). Kazakh letters are
folded to the Russian ones people type instead. Seeded; the same sets give the same file.
"""

import argparse
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from models.kazakh import KAZAKH_LETTERS, TABLE, features
from models.training.corpus import fraction

_KAZAKH_TEXTS = 12_000
_BANK_TEXTS = 3_000
_SHORT_TEXTS = 6_000
_SHORT_WORDS = 3
_SEEN = 15
_WEIGHTY = 0.15
_HELD_OUT = 0.1


def main() -> None:
    """Read the sets, fit, write the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sets", type=Path, required=True, help="folder of the public sets (JSON Lines, gzip)")
    arguments.add_argument("--out", type=Path, default=TABLE)
    chosen = arguments.parse_args()
    kazakh, russian = _texts(chosen.sets)
    examples = [(text, 1) for text in kazakh] + [(text, 0) for text in russian] + _pieces(kazakh, russian)
    counted = [(Counter(features(text)), label) for text, label in examples]
    seen = Counter(name for names, _ in counted for name in names)
    rows = [{n: min(c, 2) for n, c in names.items() if seen[n] >= _SEEN} for names, _ in counted]
    vectors = DictVectorizer()
    matrix = vectors.fit_transform(rows)
    matrix.indices, matrix.indptr = (
        matrix.indices.astype(np.int32),
        matrix.indptr.astype(np.int32),
    )  # liblinear's type
    fitted = LogisticRegression(penalty="l1", C=1.0, solver="liblinear", random_state=0)
    fitted.fit(matrix, [label for _, label in counted])
    pairs = zip(vectors.get_feature_names_out(), fitted.coef_[0], strict=True)
    weights = {name: round(float(weight), 2) for name, weight in pairs if abs(weight) > _WEIGHTY}
    table = {"start": round(float(fitted.intercept_[0]), 3), "weights": weights}
    chosen.out.write_text(json.dumps(table, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(f"{len(weights)} weights from {len(rows)} texts -> {chosen.out}")


def _texts(folder: Path) -> tuple[list[str], list[str]]:
    def read(name: str, wanted: Callable[[dict[str, Any]], bool]) -> list[str]:
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            return [row["text"] for row in map(json.loads, lines) if wanted(row)]

    kazakh = read("kazsandra", lambda r: r["split"] == "train" and not KAZAKH_LETTERS.isdisjoint(r["text"].lower()))
    random.Random(0).shuffle(kazakh)  # noqa: S311 - a fixed sample, not a secret
    russian = [
        *read("rusentitweet", lambda r: r["split"] == "train"),
        *read("sentirueval2016_bank", lambda r: r["split"] == "train")[:_BANK_TEXTS],
        *read("rusentne2023", lambda r: r["split"] == "train"),
    ]
    return kazakh[:_KAZAKH_TEXTS], [text for text in russian if fraction(text) >= _HELD_OUT]


def _pieces(kazakh: list[str], russian: list[str]) -> list[tuple[str, int]]:
    """One to three words in a row, as short comments are."""
    chance = random.Random(1)  # noqa: S311 - the same
    pieces = []
    for label, texts in ((1, kazakh), (0, russian)):
        for text in texts[:_SHORT_TEXTS]:
            words = text.split()
            count = chance.randint(1, _SHORT_WORDS)
            start = chance.randint(0, max(0, len(words) - count))
            pieces.append((" ".join(words[start : start + count]), label))
    return pieces


if __name__ == "__main__":
    main()
