"""English inflection: plural and third person, past, -ing. Derivation (universal, university) is another word."""

from functools import cache

import Stemmer

from domain.query.forms.pattern import BARE, Pattern

_VOWELS = frozenset("aeiouy")
_HISSING = ("s", "x", "z", "ch", "sh", "o")
_SHORTEST = 3
_ONE_SYLLABLE = 4
_SHORTEST_PLURAL = 5
_SHORTEST_VERB_STEM = 5

_PLURAL = frozenset({"s"})
_REGULAR = frozenset({"s", "ed", "ing"})
_AFTER_HISS = frozenset({"s", "es", "ed", "ing"})
_AFTER_E = frozenset({"e", "es", "ed", "ing"})
_AFTER_Y = frozenset({"y", "ies", "ied", "ying"})
_DOUBLED = frozenset({"ed", "ing"})
_ANY_VERB = frozenset({"", "e", "s", "es", "ed", "ing"})


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


def english(word: str) -> list[Pattern]:
    """Forms of a folded Latin word taken as English.

    The dictionary form finds every inflected one; a plural finds its singular; -ed and -ing find the rest of their
    verb only when the stem is long, so that the airline `united` is not every `unit`, nor `booking` every `book`.
    """
    if len(word) < _SHORTEST or not word.isalpha():
        return []
    patterns = [_forward(word)]
    if _doubles(word):
        patterns.append(Pattern(word + word[-1], _DOUBLED))
    if len(word) >= _SHORTEST_PLURAL and word[-1] == "s" and not word.endswith(("ss", "us", "is")):
        singular = word[:-3] + "y" if word.endswith("ies") else word[:-1]
        patterns += [Pattern(singular, BARE), _forward(singular)]
    if word.endswith(("ed", "ing")):
        stem = _stemmer().stemWord(word)
        if len(stem) >= _SHORTEST_VERB_STEM and word.startswith(stem) and stem != word:
            patterns += [Pattern(stem, _ANY_VERB), Pattern(stem + stem[-1], _DOUBLED)]
    return patterns


def _forward(word: str) -> Pattern:
    if word[-1] == "e":
        return Pattern(word[:-1], _AFTER_E)
    if word[-1] == "y" and word[-2] not in _VOWELS:
        return Pattern(word[:-1], _AFTER_Y)
    if _doubles(word) and len(word) <= _ONE_SYLLABLE:
        return Pattern(word, _PLURAL)
    return Pattern(word, _AFTER_HISS if word.endswith(_HISSING) else _REGULAR)


def _doubles(word: str) -> bool:
    """Whether the last consonant is written twice before -ed: stop, stopped; cared is of care, not of car."""
    return word[-1] not in _VOWELS | {"w", "x"} and word[-2] in _VOWELS and word[-3] not in _VOWELS
