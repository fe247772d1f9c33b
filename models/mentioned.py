"""Where a text names the brand it is judged for: marked, so that the network sees whom each word is about.

A text that speaks of two brands differs between them in nothing else.
"""

import re
from functools import lru_cache

_OPEN, _CLOSE = "{", "}"
_STEM, _LOST, _GAINED = 4, 2, 3
_MOST_WORDS = 6
_WORD = re.compile(r"\w+")
_JOINED = "(?:[وفبلك]{0,2}ال|[وفبلك]{1,2})?"
"""Arabic writes the article and small prepositions as part of the word."""


def marked(text: str, brand: str) -> str:
    """`text` with every mention of `brand` between marks: `у Астра Банка` becomes `у { Астра Банка }`.

    A mention may be inflected (a word may grow, or change its last letters) and written in other capitals; a word
    with a digit stands as it is. A text that names the brand otherwise, or not at all, stays as it is.
    """
    pattern = _pattern(brand)
    return pattern.sub(rf"{_OPEN} \g<0> {_CLOSE}", text) if pattern else text


@lru_cache(maxsize=20_000)
def _pattern(brand: str) -> re.Pattern[str] | None:
    words = _WORD.findall(brand)[:_MOST_WORDS]
    if not words:
        return None
    return re.compile(rf"(?<!\w){_JOINED}" + r"\W{1,3}".join(map(_inflected, words)) + r"(?!\w)", re.IGNORECASE)


def _inflected(word: str) -> str:
    if len(word) < _STEM or not word.isalpha():
        return re.escape(word)
    stem = word[: max(_STEM, len(word) - _LOST)]
    return rf"(?:{re.escape(word)}\w{{0,{_LOST + _GAINED}}}|{re.escape(stem)}\w{{0,{_GAINED}}})"
