"""Czech inflection over folded letters (texts are typed with and without háčky), with the softening of stems.

Czech Snowball needs the diacritics and does not soften; it is asked only for the stem of a long inflected word.
"""

from functools import cache

import Stemmer

from domain.query.forms.pattern import BARE, Pattern, endings

_VOWELS = frozenset("aeiouy")
_SHORTEST = 3
_FULL_STEM = 4
_OPEN_STEM = 5

_FEMININE = frozenset({"a", "y", "e", "u", "ou", "o", "am", "ami", "ach"})
_SOFT_E = frozenset({"e"})
_FLEETING_PLURAL = frozenset({"ek"})
# Short words take few endings: care is not a form of car, nor bare of bar.
_MASCULINE_SHORT = frozenset({"u", "em", "y", "ovi"})
_MASCULINE_MIDDLE = _MASCULINE_SHORT | {"a", "um", "ech"}
_MASCULINE = _MASCULINE_MIDDLE | {"e", "i", "ove", "ich", "emi"}
_SOFTENED_PLURAL = frozenset({"i", "ich"})
_NEUTER = frozenset({"o", "a", "u", "em"})
_FOREIGN_E = frozenset({"e", "i", "u", "em", "ich", "emi", "ovi"})
_LONG_I = frozenset({"", "m", "ho", "mu", "mi", "ch"})
_ADJECTIVE = frozenset({"y", "a", "e", "eho", "emu", "em", "ym", "ou", "ych", "ymi"})
_UJE = endings("uje uji uju ujes ujeme ujete ujou oval ovala ovalo ovali ovaly ovat ovan ovana ovano ovani")
_THEMES = {
    "a": endings("al ala alo ali aly at a am as ame ate aji an ana ano"),
    "i": endings("il ila ilo ili ily it i im is ime ite en ena eno eni"),
    "e": endings("el ela elo eli ely et i im is ime ite eji en ena eno eni"),
}
_OBLIQUE = frozenset({"em", "ou", "am", "ami", "ach", "ovi", "um", "ech", "ich"})


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("czech")


def czech(word: str) -> list[Pattern]:
    """Forms of a folded Latin word taken as Czech."""
    if len(word) < _SHORTEST or not word.isalpha() or _VOWELS.isdisjoint(word):
        return []
    return [*_noun(word), *_verb(word), *_inflected(word)]


def _noun(word: str) -> list[Pattern]:
    last, stem = word[-1], word[:-1]
    if last not in _VOWELS:
        return _masculine(word)
    if last == "a":
        return _feminine(stem)
    if last == "i":
        return (
            [Pattern(word, _LONG_I)] if word.endswith(("eni", "ani", "ti", "ni")) and len(stem) >= _FULL_STEM else []
        )
    if len(stem) < _FULL_STEM:
        return []
    tails = {"o": _NEUTER, "e": _FOREIGN_E, "y": _ADJECTIVE}.get(last)
    return [Pattern(stem, tails)] if tails else []


def _masculine(word: str) -> list[Pattern]:
    if len(word) < _FULL_STEM:
        return [Pattern(word, _MASCULINE_SHORT)]
    patterns = [Pattern(word, _MASCULINE if len(word) >= _OPEN_STEM else _MASCULINE_MIDDLE)]
    softened = _soften(word)
    if softened and len(word) >= _OPEN_STEM:
        patterns.append(Pattern(softened, _SOFTENED_PLURAL))
    # Plzeň, Plzně: the e before the last consonant goes.
    if len(word) >= _OPEN_STEM and word[-2] == "e" and word[-3] not in _VOWELS:
        patterns.append(Pattern(word[:-2] + word[-1], _MASCULINE))
    return patterns


def _feminine(stem: str) -> list[Pattern]:
    patterns = [Pattern(stem, _FEMININE)]
    softened = _soften(stem)
    if softened:
        patterns.append(Pattern(softened, _SOFT_E))
    if len(stem) >= _FULL_STEM:
        patterns.append(Pattern(stem, BARE))
        if stem[-1] == "k" and stem[-2] not in _VOWELS:
            patterns.append(Pattern(stem[:-1], _FLEETING_PLURAL))
    return patterns


def _soften(stem: str) -> str:
    """Praha, Praze; banka, bance; socha, soše. Folding has made the r of Sparta and its ř one already."""
    if stem.endswith("ch"):
        return stem[:-2] + "s"
    softened = {"k": "c", "h": "z", "g": "z"}.get(stem[-1])
    return stem[:-1] + softened if softened else ""


def _verb(word: str) -> list[Pattern]:
    for ending in ("uje", "uji", "uju", "ovat", "oval", "ovala", "ovali"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return [Pattern(word[: -len(ending)], _UJE)]
    for ending in ("l", "la", "lo", "li", "ly", "t"):
        theme = word[-len(ending) - 1 : -len(ending)]
        stem = word[: -len(ending) - 1]
        if word.endswith(ending) and theme in _THEMES and len(stem) >= _FULL_STEM:
            return [Pattern(stem, _THEMES[theme])]
    return []


def _inflected(word: str) -> list[Pattern]:
    stem = _stemmer().stemWord(word)
    if not word.startswith(stem) or len(stem) < _OPEN_STEM or word[len(stem) :] not in _OBLIQUE:
        return []
    return [*_masculine(stem), *_feminine(stem)]
