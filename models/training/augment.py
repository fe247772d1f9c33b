"""How people type: the same post with other capitals, without diacritics or Kazakh letters, a word short.

A post keeps its labels under all of these. Each is drawn anew every epoch, so that the model cannot learn a post by
its exact letters and reads what a hurried thumb writes.
"""

import random
import unicodedata

_RUSSIAN_KEYS = str.maketrans("қғңөұүһәіҚҒҢӨҰҮҺӘІ", "кгноуухаиКГНОУУХАИ")
_LOWER, _UPPER, _CAPITAL = 0.12, 0.03, 0.15
_BARE, _SHORTER = 0.15, 0.25
_DROPPED = 0.1
_FEWEST = 5


def augmented(text: str, lang: str, chance: random.Random) -> str:
    """`text` as somebody else might have typed it; most often as it is."""
    capitals = chance.random()
    if capitals < _LOWER:
        text = text.lower()
    elif capitals < _LOWER + _UPPER:
        text = text.upper()
    elif capitals < _LOWER + _UPPER + _CAPITAL:
        text = text[:1].upper() + text[1:]
    if lang == "cs" and chance.random() < _BARE:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    if lang == "kk" and chance.random() < _BARE:
        text = text.translate(_RUSSIAN_KEYS)
    if chance.random() < _SHORTER:
        words = text.split()
        if len(words) >= _FEWEST:
            text = " ".join(word for word in words if chance.random() >= _DROPPED) or text
    return text
