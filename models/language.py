"""Which language a text is written in, for short, mixed and carelessly typed posts.

The script decides first, then letters that only some languages have, then a table for Kazakh against Russian, and
fastText's lid.176 where it knows best. Unsupported languages keep their own codes: they are not judged.
Figures before and after: docs/decisions/0005-language-detection.md.
"""

import math
import re
from functools import cache

from models.fasttext import probabilities
from models.function_words import ARABIZI_WORDS, CZECH_WORDS, ENGLISH_WORDS
from models.kazakh import KAZAKH_LETTERS, kazakh_odds, romanised_odds

UNKNOWN = "und"
MAX_CHARACTERS = 240
"""The beginning decides; a language does not change for the rest of a long text."""

_NOISE = re.compile(r"(?:https?://|www\.)\S+|(?<!\w)@\w+|\S+@\S+\.\w+|&\w+;|[\ud800-\udfff]")
_SPLIT = re.compile(r"[\W_]+")
_SCRIPTS = {
    "cyrillic": re.compile("[Ѐ-ԯ]+"),
    "arabic": re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]+"),
    "latin": re.compile("[a-zà-öø-ɏḀ-ỿ]+"),
}

_ONLY_RUSSIAN_OR_KAZAKH = frozenset("ыэё")
_FOREIGN_CYRILLIC = {
    "uk": "їєґ", "be": "ў", "sr": "ђјљњћџ", "mk": "ѓќѕ", "tg": "ҷҳӣӯ", "tt": "җ", "ba": "ҙҫҡ",
}  # fmt: skip
_KAZAKH_ALONE = frozenset("ұқғ")
_LETTER_ODDS = 2.0
_PERSIAN_LETTERS = frozenset("پچژگکیےۓٹڈڑںھہۀەۆێڕڵېۍ")
_SURE = 0.99

_CZECH_LETTERS = frozenset("ěřů")
_ARABIZI = re.compile(r"^(?=.*[a-z])[a-z']*[35792][a-z'35792]+$|^[a-z]+[379][a-z]*$")

_FLOOR = 0.01
_PRIOR = {"cs": 4.0, "en": 2.0}
_WORD_WEIGHT, _MOST_WORDS = 2.5, 5
_CLAIM = 4.0
_SHORT = 12
_CLEAR = 4.0
_FOREIGN_SURE = 0.7
_TURKIC = frozenset("өүңә")
_NEIGHBOURS = ("sk", "pl", "sl", "hr", "sh", "bs", "sr")
_NEIGHBOUR_SHARE = 0.5
_ROMANISED = 2.0
_UNSURE = 0.65


class LanguageDetector:
    """Detects the language of a text. Loading takes a few milliseconds and 1 MB; one detector may be shared."""

    def __init__(self) -> None:
        self._probabilities = probabilities()

    def detect(self, text: str, *, claimed: str = "") -> tuple[str, float]:
        """The ISO 639 code and a confidence in [0, 1]; `("und", 0.0)` when there is no letter to go by.

        `claimed` is what the network says; it tips the scale only between languages the letters allow.
        """
        cleaned = _NOISE.sub(" ", text[: 2 * MAX_CHARACTERS]).lower()[:MAX_CHARACTERS]
        words = _SPLIT.sub(" ", cleaned).strip()
        claim = claimed.lower().partition("-")[0]
        script = _script(words)
        if script == "cyrillic":
            return self._cyrillic(words, claim)
        if script == "arabic":
            return self._arabic(words, claim)
        if script == "latin":
            return self._latin(words, claim)
        return self._likeliest(words) if script else (UNKNOWN, 0.0)

    def _likeliest(self, words: str) -> tuple[str, float]:
        found = self._probabilities(words, 1)
        return next(iter(found.items()), (UNKNOWN, 0.0))

    def _cyrillic(self, words: str, claim: str) -> tuple[str, float]:
        letters = set(words)
        odds = kazakh_odds(words) + math.log(_CLAIM) * ((claim == "kk") - (claim == "ru"))
        typed = letters & KAZAKH_LETTERS
        if not letters.isdisjoint(_KAZAKH_ALONE) or typed - {"і"}:
            odds += _LETTER_ODDS + len(typed)
        if self._foreign(words, letters, odds) or claim in _FOREIGN_CYRILLIC:
            found = self._probabilities(words, 3)
            code, confidence = max(found.items(), key=lambda pair: pair[1] * (_CLAIM if pair[0] == claim else 1.0))
            if code not in {"ru", "kk"} and confidence > _FOREIGN_SURE:
                return code, confidence
        confidence = 1.0 / (1.0 + math.exp(-abs(odds)))
        return ("kk" if odds > 0 else "ru"), confidence

    def _foreign(self, words: str, letters: set[str], odds: float) -> bool:
        """Whether the letters leave room for a language that is neither Russian nor Kazakh."""
        if any(not letters.isdisjoint(own) for own in _FOREIGN_CYRILLIC.values()):
            return True
        if odds > 0:
            return odds < _CLEAR and letters.isdisjoint(_KAZAKH_ALONE) and not letters.isdisjoint(_TURKIC)
        return odds > -_CLEAR and letters.isdisjoint(_ONLY_RUSSIAN_OR_KAZAKH) and len(words) > _SHORT

    def _arabic(self, words: str, claim: str) -> tuple[str, float]:
        if set(words).isdisjoint(_PERSIAN_LETTERS):
            return "ar", _SURE
        found = self._probabilities(words, 6)
        weights = {code: share * (_CLAIM if code == claim else 1.0) for code, share in found.items()}
        weights["ar"] = 2 * (weights.get("ar", 0.0) + weights.pop("arz", 0.0)) + _FLOOR
        return _best(weights)

    def _latin(self, words: str, claim: str) -> tuple[str, float]:
        split = set(words.split())
        weights = dict(self._probabilities(words, 12))
        top = max(weights.values(), default=0.0)
        for code, prior in _PRIOR.items():
            weights[code] = prior * max(weights.get(code, 0.0), _FLOOR)
        if words.isascii():  # Czech typed without its diacritics looks like its neighbours
            weights["cs"] += _NEIGHBOUR_SHARE * sum(weights.get(code, 0.0) for code in _NEIGHBOURS)
        elif not _CZECH_LETTERS.isdisjoint(words):
            weights["cs"] *= _WORD_WEIGHT**_MOST_WORDS
        weights["cs"] *= _WORD_WEIGHT ** min(_MOST_WORDS, len(split & CZECH_WORDS))
        weights["en"] *= _WORD_WEIGHT ** min(_MOST_WORDS, len(split & ENGLISH_WORDS))
        if top < _UNSURE:
            self._typed_in_latin(words, split, weights)
        if claim in weights:
            weights[claim] *= _CLAIM
        return _best(weights)

    def _typed_in_latin(self, words: str, split: set[str], weights: dict[str, float]) -> None:
        """Arabic in Latin letters and digits, and Kazakh in Latin letters: unknown to the model, so best effort."""
        arabizi = sum(word in ARABIZI_WORDS or _ARABIZI.match(word) is not None for word in split)
        if 3 * arabizi > len(split):
            weights["ar"] = weights.get("ar", 0.0) + _FLOOR * _WORD_WEIGHT ** (2 * min(_MOST_WORDS, arabizi))
        odds = romanised_odds(words)
        if odds > _ROMANISED:
            weights["kk"] = weights.get("kk", 0.0) + _FLOOR * math.exp(min(odds, 2 * _CLEAR))


def _script(words: str) -> str:
    """The script of most letters, `other` for one we do not judge, or nothing when there is no letter."""
    if words.isascii():
        return "latin" if any(map(str.isalpha, words)) else ""
    bare = words.replace(" ", "")
    counts = {name: len(bare) - len(letters.sub("", bare)) for name, letters in _SCRIPTS.items()}
    script = max(counts, key=counts.__getitem__)
    letters = sum(map(str.isalpha, bare))
    if letters == 0 or 2 * counts[script] < letters:
        return "other" if letters else ""
    # A Latin brand name or slang inside a Cyrillic or Arabic sentence does not make it another language.
    if script == "latin" and 3 * max(counts["cyrillic"], counts["arabic"]) > counts["latin"]:
        return max(("cyrillic", "arabic"), key=counts.__getitem__)
    return script


def _best(weights: dict[str, float]) -> tuple[str, float]:
    code = max(weights, key=weights.__getitem__)
    return code, weights[code] / sum(weights.values())


@cache
def _shared() -> LanguageDetector:
    return LanguageDetector()


def detect(text: str) -> tuple[str, float]:
    """`LanguageDetector().detect(text)` on a detector loaded once."""
    return _shared().detect(text)
