"""Kazakh or Russian: a small table of words, beginnings and endings, blind to the letters only Kazakh has.

Half of what Kazakhs type lacks those letters, and general detectors then answer Russian or Kyrgyz.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

TABLE = Path(__file__).with_name("kazakh.json")
KAZAKH_LETTERS = frozenset("әғқңөұүһі")

_FOLDED = str.maketrans("әғқңөұүһіё", "агкноуухие")
_WORD = re.compile("[а-я]+")
_WHOLE, _ENDS = 6, 3
_PAIRS = {
    "sh": "ш", "zh": "ж", "ch": "ч", "gh": "г", "kh": "х", "ts": "ц", "ya": "я", "yu": "ю", "yo": "е", "ng": "н",
}  # fmt: skip
_SINGLE = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyzäáəöóüúūŭǵğıñńşç",
        "абцдефгхижклмнопкрстувухызаааооууууггыннш" + "ч",
        strict=True,
    )
)
_LATIN = re.compile("|".join(_PAIRS) + "|[" + "".join(_SINGLE) + "]")


class _Table(msgspec.Struct, frozen=True):
    start: float
    weights: dict[str, float]


def features(text: str) -> Iterator[str]:
    """Names of what is seen in `text`: `^word$`, `^beg`, `ing$`, `ng$`, Kazakh letters folded to Russian ones."""
    for word in _WORD.findall(text.lower().translate(_FOLDED)):
        if len(word) <= _WHOLE:
            yield f"^{word}$"
        if len(word) > _ENDS:
            yield f"^{word[:3]}"
            yield f"{word[-3:]}$"
        if len(word) >= _ENDS:
            yield f"{word[-2:]}$"


def kazakh_odds(text: str) -> float:
    """Log-odds that Cyrillic `text` is Kazakh rather than Russian; about -1 when nothing is known."""
    table = _table()
    weights = table.weights
    return table.start + sum([weights.get(name, 0.0) for name in features(text)])


def romanised_odds(text: str) -> float:
    """The same for Kazakh in Latin letters, written back to Cyrillic the usual way."""
    return kazakh_odds(_LATIN.sub(lambda found: _PAIRS.get(found[0]) or _SINGLE[found[0]], text.lower()))


@cache
def _table() -> _Table:
    return msgspec.json.decode(TABLE.read_bytes(), type=_Table)
