"""One epoch as batches: which rows, how typed, in what order. The same seed and epoch give the same batches."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tokenizers import Tokenizer

from models.encoding import sequence
from models.text import prepare
from models.training.augment import augmented
from models.training.corpus import Corpus, Row

MIXTURE = {
    "rusentitweet": 8_000, "banks": 7_000, "rusentne": 4_000, "kazsandra": 14_000, "umsab ar": 2_000,
    "umsab en": 2_000, "umsab others": 3_000, "arsarcasm": 9_000, "ajgt": 1_500, "sxsw": 6_000, "priority": 5_000,
    "offensive": 4_000, "hostile": 3_000,
}  # fmt: skip
"""At most this many rows of a public set an epoch, drawn anew each time, rarer labels first."""

WRITTEN_TWICE = 2
_FORGET_BRAND = 0.1
_TOKENS = 1_024
_LONGEST = 96


@dataclass(frozen=True)
class Batch:
    """Rows of equal length in tokens: `ids` (rows, tokens)."""

    rows: list[Row]
    ids: list[list[int]]


def epoch(corpus: Corpus, tokenizer: Tokenizer, *, seed: int, number: int) -> list[Batch]:
    """The batches of epoch `number` (from 0), shuffled. Epoch 0 leaves the written posts for later."""
    chance = random.Random(f"{seed}.{number}")  # noqa: S311 - reproducible draws, no secrets
    rows = []
    for part, of in corpus.train.items():
        if not part.startswith("written"):
            rows += _drawn(of, MIXTURE[part], chance)
        elif number:
            rows += of * WRITTEN_TWICE
    chance.shuffle(rows)
    texts = [prepare(augmented(row.text, row.lang, chance)) for row in rows]
    brands = ["" if chance.random() < _FORGET_BRAND and row.part != "rusentne" else row.brand for row in rows]
    return shuffled(rows, encoded(tokenizer, texts, brands), chance)


def encoded(tokenizer: Tokenizer, texts: Sequence[str], brands: Sequence[str]) -> list[list[int]]:
    """Token ids of each prepared text judged for its brand, cut to what training reads."""
    bodies = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    names = tokenizer.encode_batch_fast(list(brands), add_special_tokens=False)
    return [sequence(body.ids[:_LONGEST], name.ids) for body, name in zip(bodies, names, strict=True)]


def shuffled(rows: Sequence[Row], ids: Sequence[list[int]], chance: random.Random) -> list[Batch]:
    """Batches of equal length, about `_TOKENS` tokens each, in random order."""
    order = sorted(range(len(rows)), key=lambda place: len(ids[place]))
    batches = []
    for length, places in groupby(order, key=lambda place: len(ids[place])):
        same = list(places)
        chance.shuffle(same)
        size = max(1, _TOKENS // length)
        for start in range(0, len(same), size):
            chosen = same[start : start + size]
            batches.append(Batch([rows[place] for place in chosen], [ids[place] for place in chosen]))
    chance.shuffle(batches)
    return batches


def _drawn(rows: Sequence[Row], most: int, chance: random.Random) -> list[Row]:
    if len(rows) <= most:
        return list(rows)
    by_label: dict[tuple[int, ...], list[Row]] = defaultdict(list)
    for row in rows:
        by_label[tuple(row.labels.values())].append(row)
    chosen: list[Row] = []
    for left, same in _rarest_first(list(by_label.values())):
        share = (most - len(chosen)) // left
        chosen += same if len(same) <= share else chance.sample(same, share)
    return chosen


def _rarest_first(groups: list[list[Row]]) -> Iterator[tuple[int, list[Row]]]:
    groups.sort(key=len)
    for place, group in enumerate(groups):
        yield len(groups) - place, group
