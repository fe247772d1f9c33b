"""How people type: the same post with other capitals, without diacritics or Kazakh letters, a word short.

A post keeps its labels under all of these. Each is drawn anew every epoch, so that the model cannot learn a post by
its exact letters and reads what a hurried thumb writes.
"""

import random
import unicodedata

_RUSSIAN_KEYS = str.maketrans("қғңөұүһәіҚҒҢӨҰҮҺӘІ", "кгноуухаиКГНОУУХАИ")
_LOWER, _BARE, _SHORTER = 0.12, 0.15, 0.25
_DROPPED = 0.1
_FEWEST = 5


def augmented(text: str, lang: str, chance: random.Random) -> str:
    """`text` as somebody else might have typed it; most often as it is."""
    if chance.random() < _LOWER:
        text = text.lower()
    if lang == "cs" and chance.random() < _BARE:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    if lang == "kk" and chance.random() < _BARE:
        text = text.translate(_RUSSIAN_KEYS)
    if chance.random() < _SHORTER:
        words = text.split()
        if len(words) >= _FEWEST:
            text = " ".join(word for word in words if chance.random() >= _DROPPED) or text
    return text
