"""The public sets that train and evaluate the heads, and the examples written for Tocsin.

Which set may do what follows its licence: sets of class A and those with no licence stated train; the
non-commercial ones only evaluate; official test splits are not read at all. A part is held out by a hash of the text.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.judgement import SENTIMENTS

_OWN = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Example:
    """A text and its labels; a task without a label is absent."""

    text: str
    lang: str
    labels: dict[str, str]


@dataclass(frozen=True)
class Part:
    """A public set as it is used: what trains and what judges. `stated` is False where no licence is stated."""

    name: str
    stated: bool
    train: list[Example]
    held: list[Example]


@dataclass(frozen=True)
class _Set:
    """How one public set is used: `train` and `judge` are the most rows taken for each, `held` the part held out."""

    name: str
    file: str
    lang: str
    train: int
    judge: int
    held: float = 0.1
    stated: bool = True


_SETS = (
    _Set("rusentitweet", "rusentitweet", "ru", 5000, 900, stated=False),
    _Set("banks", "sentirueval2016_bank", "ru", 2500, 600, stated=False),
    _Set("kazsandra", "kazsandra", "kk", 4500, 1200),
    _Set("umsab en", "umsab", "en", 2000, 400, 0.17),
    _Set("umsab ar", "umsab", "ar", 2000, 400, 0.17),
    _Set("arsarcasm", "arsarcasm_v2", "ar", 3000, 500),
    _Set("ajgt", "ajgt", "ar", 900, 0, 0.0),
    _Set("sxsw", "en_brands_sxsw", "en", 2500, 400, 0.15, stated=False),
    _Set("cs facebook", "cs_facebook", "cs", 0, 700, 1.0),  # non-commercial: evaluates only
    _Set("airline", "en_airline.days1-5", "en", 0, 700, 1.0),  # the same
)
_SPLIT = frozenset({"kazsandra", "cs facebook"})
"""Sets that come with a validation part of their own; of the others a part is held out."""


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on the text alone: what is held out today is held out tomorrow."""
    return int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) / 2**32


def public(folder: Path) -> Iterator[Part]:
    """Each public set's examples, all with a sentiment. The same rows each time."""
    for one in _SETS:
        rows = [row for row in _rows(folder, one.file) if row["label"] in SENTIMENTS and row["lang"] == one.lang]
        rows.sort(key=lambda row: fraction(row["text"] + "\n"))
        if one.name in _SPLIT:
            held = [row for row in rows if row["split"] == "validation"]
            rest = _level([row for row in rows if row["split"] == "train"], one.train)
        else:
            held = [row for row in rows if fraction(row["text"]) < one.held]
            rest = [row for row in rows if fraction(row["text"]) >= one.held][: one.train]
        yield Part(one.name, one.stated, _examples(rest, one.lang), _examples(held[: one.judge], one.lang))


def first_messages(folder: Path) -> list[Example]:
    """What customers first wrote to brands' support on Twitter (Apache 2.0), without labels."""
    return [Example(row["text"], "en", {}) for row in _rows(folder, "ibm_customer_care")]


def own(part: str) -> list[Example]:
    """The examples written for Tocsin: `urgency_theme` trains, `urgency_theme_validation` judges."""
    lines = (_OWN / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    tasks = ("sentiment", "urgency", "theme")
    return [Example(row["text"], row["lang"], {task: row[task] for task in tasks}) for row in rows]


def _rows(folder: Path, file: str) -> list[dict[str, Any]]:
    with gzip.open(folder / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _level(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """As many rows of each class."""
    each = count // len(SENTIMENTS)
    return [row for label in SENTIMENTS for row in [r for r in rows if r["label"] == label][:each]]


def _examples(rows: list[dict[str, Any]], lang: str) -> list[Example]:
    return [Example(row["text"], lang, {"sentiment": row["label"]}) for row in rows]
