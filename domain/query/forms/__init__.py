"""The forms of a word in Russian, Kazakh, Czech, Arabic and English.

The language of a post is not known when it is matched, so the script of the query's word decides: Cyrillic is
inflected as Russian and as Kazakh, Latin as English and as Czech, Arabic as Arabic. The query's word is compiled to
stems with the endings its declension allows; a post's words are only folded.
"""

from functools import cache

from domain.query.forms.arabic import arabic
from domain.query.forms.czech import czech
from domain.query.forms.english import english
from domain.query.forms.kazakh import kazakh, tails
from domain.query.forms.pattern import Pattern
from domain.query.forms.russian import russian

__all__ = ["Pattern", "forms"]

_RUSSIAN_AFTER_LATIN = frozenset({"а", "у", "ом", "е", "ы", "ов", "ой", "ам", "ами", "ах", "и"})
_SHORTEST_MIXED = 3


def forms(word: str) -> tuple[Pattern, ...]:
    """Patterns of the forms of a folded word; the word itself always counts and need not be among them."""
    first = word[0]
    if "а" <= first <= "я":
        return tuple(dict.fromkeys([*russian(word), *kazakh(word)]))
    if "ا" <= first <= "ي":
        return tuple(arabic(word))
    if "a" <= first <= "z":
        return tuple(dict.fromkeys([*english(word), *czech(word), *_mixed(word)]))
    return ()


def _mixed(word: str) -> list[Pattern]:
    """A Latin name inside Cyrillic text takes its endings glued on: Kaspiдің, iPhoneом."""
    return [Pattern(word, _mixed_tails())] if len(word) >= _SHORTEST_MIXED else []


@cache
def _mixed_tails() -> frozenset[str]:
    return tails("vrlnzt", "bf", short=False) | _RUSSIAN_AFTER_LATIN
