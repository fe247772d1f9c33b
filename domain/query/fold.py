"""Folding: one spelling for all the ways people type the same letters.

Case, diacritics, compatibility forms (NFKC), ё, Arabic letter variants, vowel marks and tatweel, Kazakh letters typed
on a Russian keyboard, and invisible characters all disappear. Folding goes letter by letter, so that a word folded
alone and the same word folded inside its text are equal: the prefilter depends on it.
"""

import re
import unicodedata
from collections.abc import Sequence

_SPECIAL = {
    **dict.fromkeys("’‘ʼ＇", "'"),
    **dict(zip("＠＃＄．", "@#$.", strict=True)),
    # й is a letter of its own, not an и with a diacritic: мой and мои are different words.
    **dict.fromkeys("йЙ", "й"),
    **dict(zip("ıłđøðæœþ", ["i", "l", "d", "o", "d", "ae", "oe", "th"], strict=True)),
    # Kazakh letters as they are typed on a Russian keyboard, and Ukrainian ones.
    **dict(zip("әғқңөұүһіґє", "агкноуухиге", strict=True)),
    # Alef maksura, ta marbuta, Persian and Urdu keyboards; hamza carriers lose their hamza by decomposition.
    **dict(zip("ىةٱیکہھە", "يهايكههه", strict=True)),
}
_INVISIBLE = frozenset("\u0640\u00ad\ufeff\u3164")
_CACHED_LETTERS = 20_000
# Lower-case letters that are their own folded form; most texts hold few others.
_UNFOLDED = re.compile(r"[^\x00-\x7fа-я—–…«»„“”№،؟ابتثجحخدذرزسشصضطظعغفقكلمنهوي]")
_MANY_UNFOLDED = 64


class _Letters(dict[int, str | None]):
    """Code point -> its folded spelling; None drops it. Filled as letters are met, up to a limit."""

    def __missing__(self, code: int) -> str | None:
        folded = _fold_letter(chr(code)) or None
        if len(self) < _CACHED_LETTERS:
            self[code] = folded
        return folded


def _fold_letter(letter: str) -> str:
    if letter.isascii():
        return letter.lower()
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter in _INVISIBLE or unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return ""
    if letter.isalnum():
        digit = unicodedata.digit(letter, None)
        return str(digit) if digit is not None else "".join(_fold_part(part) for part in _parts(letter))
    return letter.lower()


def _parts(letter: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())


def _fold_part(part: str) -> str:
    folded = _SPECIAL.get(part, part)
    return folded if folded.isalnum() and folded not in _INVISIBLE else ""


_LETTERS = _Letters()
_POSSESSIVE = re.compile(r"(?<=[^\W_])'s(?![^\W_])")


def compose(text: str) -> str:
    """Bring a text to NFC, the form whose positions `fold` keeps."""
    return text if text.isascii() or unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def fold(composed: str) -> str:
    """Fold a text that `compose` has seen; an English possessive's `'s` becomes two separators."""
    folded = composed.lower()
    if not folded.isascii():
        unfolded = set(_UNFOLDED.findall(folded))
        # Replacing letter after letter is four times faster than a translation table, while they are few.
        if len(unfolded) > _MANY_UNFOLDED:
            folded = folded.translate(_LETTERS)
        else:
            for letter in unfolded:
                folded = folded.replace(letter, _LETTERS[ord(letter)] or "")
    return _POSSESSIVE.sub("' ", folded) if "'" in folded else folded


def offsets(composed: str) -> Sequence[int]:
    """For each character of `fold(composed)`, the place in `composed` it came from, and one past the end."""
    lengths = {letter: len(_LETTERS[ord(letter)] or "") for letter in set(_UNFOLDED.findall(composed))}
    uneven = {letter: length for letter, length in lengths.items() if length != 1}
    if not uneven:
        return range(len(composed) + 1)
    places: list[int] = []
    after = 0
    for found in re.finditer(f"[{re.escape(''.join(uneven))}]", composed):
        place = found.start()
        places += range(after, place)
        places += [place] * uneven[composed[place]]
        after = place + 1
    return [*places, *range(after, len(composed) + 1)]
