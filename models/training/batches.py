"""One epoch as batches: which rows, how typed, in what order. The same seed and epoch give the same batches."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from models.encoding import sequence
from models.mentioned import marked
from models.text import named, prepare
from models.training.augment import augmented
from models.training.corpus import Corpus, Row

MIXTURE = {
    "rusentitweet": 8_000, "banks": 8_000, "rusentne": 7_000, "kazsandra": 16_000, "umsab ar": 3_000,
    "umsab en": 3_000, "umsab others": 4_000, "arsarcasm": 9_000, "ajgt": 1_500, "tweets en": 4_000, "sxsw": 6_000,
    "priority": 8_000, "offensive": 4_000, "hostile": 1_500, "emotion": 3_600, "irony": 3_800, "customer care": 600,
}  # fmt: skip
"""At most this many rows of a public set an epoch, drawn anew each time, rarer labels first.

A set at most half as large stands twice.
"""

WRITTEN_TWICE = 2
_FORGET_BRAND = 0.1
_TOKENS = 1_024
_LONGEST = 96


class Tokens(Protocol):
    """A text in tokens."""

    @property
    def ids(self) -> list[int]:
        """Their ids."""
        ...


class Splitter(Protocol):
    """What training needs of a tokenizer."""

    def encode_batch_fast(self, input: Sequence[str], *, add_special_tokens: bool) -> Sequence[Tokens]:  # noqa: A002  # its name
        """Every text in tokens, in order."""
        ...


@dataclass(frozen=True)
class Batch:
    """Rows of equal length in tokens: `ids` (rows, tokens)."""

    rows: list[Row]
    ids: list[list[int]]


def epoch(
    corpus: Corpus, tokenizer: Splitter, *, seed: int, number: int, written: bool = True, taught: bool = False
) -> list[Batch]:
    """The batches of epoch `number` (from 0), shuffled, with the `written` posts or without.

    Rows without labels are there only for a student that is `taught`.
    """
    chance = random.Random(f"{seed}.{number}")  # noqa: S311 - reproducible draws, no secrets
    rows = []
    for part, of in corpus.train.items():
        if not part.startswith("written"):
            rows += _drawn([row for row in of if taught or row.labels], MIXTURE[part], chance)
        elif written:
            rows += of * WRITTEN_TWICE
    chance.shuffle(rows)
    several = _several(corpus)
    rows = [
        replace(row, brand="") if chance.random() < _FORGET_BRAND and row.text not in several else row for row in rows
    ]
    texts = [augmented(row.text, row.lang, chance) for row in rows]
    return shuffled(rows, encoded(tokenizer, texts, [row.brand for row in rows]), chance)


def _several(corpus: Corpus) -> set[str]:
    """The texts that are judged for more than one brand: without the brand nobody could tell their labels."""
    brands = {(row.text, row.brand) for rows in corpus.train.values() for row in rows}
    count = Counter(text for text, _ in brands)
    return {text for text, of in count.items() if of > 1}


def encoded(tokenizer: Splitter, texts: Sequence[str], brands: Sequence[str]) -> list[list[int]]:
    """Token ids of each text judged for its brand, cut to what training reads."""
    told = list(map(named, brands))
    bodies = tokenizer.encode_batch_fast(list(map(marked, map(prepare, texts), told)), add_special_tokens=False)
    names = tokenizer.encode_batch_fast(told, add_special_tokens=False)
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
        return list(rows) * min(2, most // max(1, len(rows)))
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
