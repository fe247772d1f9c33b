"""The rows that train and judge the model: public sets, and the posts written for Tocsin.

Which set may do what follows its licence (`models/MODEL_CARD.md` names them all): permissive sets and those with no
licence stated train; non-commercial and copyleft ones only judge; official test splits are not read at all. Rows are
held out by their text, by time or by event, and no text that judges trains, in whatever set it stands.
"""

import gzip
import hashlib
import html
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.judgement import SENTIMENTS, SUPPORTED_LANGUAGES, THEMES, URGENCIES

WRITTEN = Path(__file__).parent / "data" / "posts"
TASKS: dict[str, tuple[str, ...]] = {
    "sentiment": SENTIMENTS,
    "urgency": URGENCIES,
    "theme": THEMES,
    "toxicity": ("civil", "toxic"),
}
"""Each task and its labels in order; urgency is ordinal."""
EVEN = 0.35
"""How far what is learnt of a set's label balance lies between the set's own (0) and an even one (1)."""

_HELD = 0.1
_HELD_EVENTS = frozenset(
    {"albertaWildfires2019", "coloradoStemShooting2019", "typhoonYolanda2013", "manilaFloods2013"}
)
_BANKS_UNTIL = "2014-08-12"
"""Bank tweets from this day on judge."""


@dataclass(frozen=True)
class Row:
    """A text, the brand it is judged for (may be empty), and the place of its label for each task that has one."""

    text: str
    brand: str
    lang: str
    labels: dict[str, int]
    part: str
    id: str = ""


@dataclass
class Corpus:
    """What trains, by part, and what judges, by part."""

    train: dict[str, list[Row]] = field(default_factory=dict)
    held: dict[str, list[Row]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Set:
    """How one public set is read: which rows, which judge, and what their labels mean.

    A set without a `task` has no labels that we use: a student learns from its teacher's answers there.
    """

    part: str
    file: str
    task: str = "sentiment"
    langs: tuple[str, ...] = ()
    judges: Callable[[dict[str, Any]], bool] = lambda row: fraction(row["text"]) < _HELD
    labels: dict[str, str] = field(default_factory=lambda: {label: label for label in SENTIMENTS})
    stated: bool = True
    trains: bool = True


def _validation(row: dict[str, Any]) -> bool:
    return bool(row["split"] == "validation")


def _never(_row: dict[str, Any]) -> bool:
    return False


def _always(_row: dict[str, Any]) -> bool:
    return True


_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_PRIORITY = {"low": "low", "medium": "normal", "high": "high", "critical": "critical"}
_SETS = (
    _Set("rusentitweet", "rusentitweet", langs=("ru",), stated=False),
    _Set("banks", "sentirueval2016_bank", judges=lambda row: row["created_at"] >= _BANKS_UNTIL, stated=False),
    _Set("rusentne", "rusentne2023"),
    _Set("kazsandra", "kazsandra", judges=_validation),
    _Set("umsab ar", "umsab", langs=("ar",), judges=_validation),
    _Set("umsab en", "umsab", langs=("en",), judges=_validation),
    _Set("umsab others", "umsab", langs=("fr", "de", "it", "es", "pt"), judges=_never),
    _Set("arsarcasm", "arsarcasm_v2"),
    _Set("ajgt", "ajgt", judges=_never),
    _Set("tweets en", "tweeteval_sentiment", judges=_never),
    _Set("sxsw", "en_brands_sxsw", stated=False),
    _Set("priority", "trecis_priority", task="urgency", labels=_PRIORITY, stated=False,
         judges=lambda row: row["meta"].get("event") in _HELD_EVENTS),
    _Set("offensive", "tweeteval_offensive", task="toxicity", judges=_validation,
         labels={"offensive": "toxic", "not-offensive": "civil"}),
    _Set("hostile", "mlma_hate", task="toxicity", labels={"toxic": "toxic", "normal": "civil"}),
    _Set("emotion", "tweeteval_emotion", task="", judges=_never),
    _Set("irony", "tweeteval_irony", task="", judges=_never),
    _Set("customer care", "ibm_customer_care", task="", judges=_never),
    _Set("cs facebook", "cs_facebook", judges=_validation, trains=False),  # non-commercial
    _Set("cs restaurants", "cs_csrest_m", judges=_always, trains=False),  # its licence contradicts itself
    _Set("astd", "astd", judges=_always, trains=False),  # copyleft
    _Set("airline", "en_airline.days1-5", judges=_always, trains=False),  # non-commercial
)  # fmt: skip


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on the text alone: what is held out today is held out tomorrow."""
    return int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) / 2**32


def read(folder: Path, *, stated_only: bool = False, corrections: Sequence[Path] = ()) -> Corpus:
    """Every row there is. `stated_only` leaves out of training the sets that state no licence.

    `corrections` are files that `tocsin corrections export` wrote; they train beside the written posts.
    """
    corpus = Corpus()
    for one in _SETS:
        rows = [row for row in _rows(folder / f"{one.file}.jsonl.gz") if not one.langs or row["lang"] in one.langs]
        corpus.held[one.part] = [made for row in rows if one.judges(row) for made in _public(one, row)]
        if one.trains and (one.stated or not stated_only):
            corpus.train[one.part] = [made for row in rows if not one.judges(row) for made in _public(one, row)]
    for lang in SUPPORTED_LANGUAGES:
        corpus.train[f"written {lang}"] = written(WRITTEN / f"{lang}.jsonl")
        corpus.held[f"written {lang}"] = written(WRITTEN / f"{lang}.validation.jsonl")
    for path in corrections:
        corpus.train[f"written, corrected in {path}"] = written(path)
    kept_back = {normal(row.text) for rows in corpus.held.values() for row in rows}
    for part, of in corpus.train.items():
        corpus.train[part] = [row for row in of if normal(row.text) not in kept_back]
    return corpus


def written(path: Path) -> list[Row]:
    """The rows of a file in the form of the written posts (`guidelines.md`): theirs, or exported corrections."""
    return [_written(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def digest(corpus: Corpus) -> str:
    """A name for the rows that train: other rows, another name."""
    rows = sorted(f"{part}\t{row}" for part, of in corpus.train.items() for row in of)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def some(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many of the rows, by chance, always the same ones."""
    return list(rows) if len(rows) <= most else random.Random(0).sample(rows, most)  # noqa: S311 - reproducible


def normal(text: str) -> str:
    """A text as it is compared: lower case, no links (some sets write `http`), handles, retweet marks or spaces."""
    bare = re.sub(r"https?://\S+|\bhttps?\b|@\w+|^\W*rt\b", "", text.lower())
    return re.sub(r"\W+", "", bare) or text


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _decoded(text: str) -> str:
    """Some sets hold characters escaped as in JSON or HTML, as nobody types them."""
    return html.unescape(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text).replace("\\n", " "))


def _public(one: _Set, row: dict[str, Any]) -> Iterator[Row]:
    text = _decoded(row["text"])
    if not one.task:
        yield Row(text, row.get("brand") or "", row["lang"], {}, one.part, row["id"])
        return
    brands = row.get("meta", {}).get("by_brand") or {row.get("brand") or "": row["label"]}
    for brand, label in brands.items():
        if label in one.labels:
            place = TASKS[one.task].index(one.labels[label])
            yield Row(text, brand, row["lang"], {one.task: place}, one.part, row["id"])


def _written(row: dict[str, Any]) -> Row:
    labels = {task: TASKS[task].index(row[task]) for task in ("sentiment", "urgency", "theme")}
    if "toxic" in row:
        labels["toxicity"] = int(row["toxic"])
    return Row(row["text"], row["brand"], row["lang"], labels, f"written {row['lang']}", row["id"])
