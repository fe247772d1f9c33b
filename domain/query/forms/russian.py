"""Russian inflection: declension by our own tables, because brand names decline as nouns; verbs by Snowball's stem.

Snowball alone takes Магнит for a verb (stem магн, the same as магний's) and so loses Магнита: a noun's ending must be
one that its declension has. A query word is taken as a dictionary form; inflected ones work when they are long enough
not to be an indeclinable name (Кари, Метро).
"""

from functools import cache

import Stemmer

from domain.query.forms.pattern import BARE, Pattern, endings

_VOWELS = frozenset("аеиоуыэюя")
_VELARS = frozenset("кгх")
_HUSHERS = frozenset("жшщч")
_SHORTEST = 3
_GENITIVE_PLURAL_STEM = 4
_PLURAL_STEM = 4
_OBLIQUE_STEM = 5
_VERB_STEM = 4

_MANY = {"ам", "ами", "ах"}
_SOFT_MANY = {"ям", "ями", "ях"}
_MASCULINE = frozenset({"", "а", "у", "ом", "е", "ы", "ов", *_MANY})
_MASCULINE_VELAR = frozenset({"", "а", "у", "ом", "е", "и", "ов", *_MANY})
_MASCULINE_HUSHER = frozenset({"", "а", "у", "ом", "ем", "е", "и", "ей", *_MANY})
_MASCULINE_TS = frozenset({"", "а", "у", "ом", "ем", "е", "ы", "ов", "ев", *_MANY})
_SURNAME = _MASCULINE | {"ым"}
_FEMININE = frozenset({"а", "ы", "е", "у", "ой", "ою", *_MANY})
_FEMININE_VELAR = frozenset({"а", "и", "е", "у", "ой", "ою", *_MANY})
_FEMININE_HUSHER = frozenset({"а", "и", "ы", "е", "у", "ой", "ей", "ею", *_MANY})
_FEMININE_SOFT = frozenset({"я", "и", "е", "ю", "ей", "ею", "ь", *_SOFT_MANY})
_FEMININE_IYA = frozenset({"я", "и", "е", "ю", "ей", "ею", "й", *_SOFT_MANY})
_SHORT_I = frozenset({"й", "я", "ю", "ем", "е", "и", "ев", *_SOFT_MANY})
_SOFT_SIGN = frozenset({"ь", "и", "ю", "ью", "я", "ем", "е", "ей", *_SOFT_MANY})
_NEUTER = frozenset({"о", "а", "у", "ом", "е", *_MANY})
_NEUTER_IYE = frozenset({"е", "я", "ю", "ем", "и", "й", *_SOFT_MANY})
_ADJECTIVE = endings("ый ий ой ая яя ое ее ого его ому ему ым им ом ем ую юю ей ою ею ые ие ых их ыми ими")
_LEMMA_ADJECTIVE = ("ый", "ий", "ой", "ая", "яя", "ое", "ее", "ые", "ие")
_OBLIQUE = frozenset({"ом", "ой", "ою", "ов", "ем", "ей", "ев", *_MANY, *_SOFT_MANY})
_VERB = endings(
    "ть ти чь л ла ло ли ет ут ют ат ят ит ешь ишь ем им ете ите ил ила ило или ить ают яют ает яет ется ются ится "
    "ятся ался алась алось ались лся лась лось лись ться ился илась илось ились иться ю"
)
_FLEETING = frozenset({"ек", "ок"})


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("russian")


def russian(word: str) -> list[Pattern]:
    """Forms of a folded Cyrillic word taken as Russian; an abbreviation without vowels has none."""
    if len(word) < _SHORTEST or not word.isalpha() or _VOWELS.isdisjoint(word):
        return []
    return [*_noun(word), *_adjective(word), *_verb(word)]


def _noun(word: str) -> list[Pattern]:
    last, stem = word[-1], word[:-1]
    if last == "а":
        return _feminine(stem)
    soft = {
        "я": _FEMININE_IYA if stem[-1] in _VOWELS else _FEMININE_SOFT,
        "й": _SHORT_I,
        "ь": _SOFT_SIGN,
        "е": _NEUTER_IYE if stem[-1] in "иь" else None,
    }.get(last)
    if soft:
        return [Pattern(stem, soft)]
    return _vowel_ending(stem, last) if last in _VOWELS else _masculine(word)


def _vowel_ending(stem: str, last: str) -> list[Pattern]:
    """An -о, -е, -и, -у or -ы word: a plural, an oblique case, or an indeclinable name, told apart by length."""
    plural = last == "ы" or (last == "и" and stem[-1] in _VELARS | _HUSHERS)
    if len(stem) < (_PLURAL_STEM if plural else _OBLIQUE_STEM):
        return []
    if last == "о":
        return [Pattern(stem, _NEUTER)]
    if last in "ию" and not plural:
        soft = _FEMININE_IYA if stem[-1] in _VOWELS else _FEMININE_SOFT
        return [Pattern(stem, soft)]
    return [*_masculine(stem), *_feminine(stem)]


def _masculine(word: str) -> list[Pattern]:
    last = word[-1]
    if last in _VELARS:
        tails = _MASCULINE_VELAR
    elif last in _HUSHERS:
        tails = _MASCULINE_HUSHER
    elif last == "ц":
        tails = _MASCULINE_TS
    else:
        tails = _SURNAME if word.endswith(("ов", "ев", "ин", "офф", "ефф")) else _MASCULINE
    patterns = [Pattern(word, tails)]
    # Перекрёсток, Перекрёстка: the vowel before the last consonant goes.
    if len(word) > _PLURAL_STEM and word[-2] in "ео" and last in "кц" and word[-3] not in _VOWELS:
        patterns.append(Pattern(word[:-2] + last, _inflected_only(tails)))
    return patterns


@cache
def _inflected_only(tails: frozenset[str]) -> frozenset[str]:
    return tails - BARE


def _feminine(stem: str) -> list[Pattern]:
    last = stem[-1]
    tails = _FEMININE_VELAR if last in _VELARS else _FEMININE
    if last in _HUSHERS or last == "ц":
        tails = _FEMININE_HUSHER
    patterns = [Pattern(stem, tails)]
    if len(stem) >= _GENITIVE_PLURAL_STEM:
        patterns.append(Pattern(stem, BARE))
        if last == "к" and stem[-2] not in _VOWELS:
            # Пятёрочка, Пятёрочек: a vowel comes before the last consonant.
            patterns.append(Pattern(stem[:-1], _FLEETING))
    return patterns


def _adjective(word: str) -> list[Pattern]:
    stem = word[:-2]
    if not word.endswith(_LEMMA_ADJECTIVE) or len(stem) < (_PLURAL_STEM if word.endswith("ой") else _SHORTEST):
        return []
    return [Pattern(stem, _ADJECTIVE)]


def _verb(word: str) -> list[Pattern]:
    stem = _stemmer().stemWord(word)
    ending = word[len(stem) :]
    if not word.startswith(stem) or not ending:
        return []
    if ending in _OBLIQUE and len(stem) >= _OBLIQUE_STEM:
        return [*_masculine(stem), *_feminine(stem)]
    return [Pattern(stem, _VERB)] if ending in _VERB and len(stem) >= _VERB_STEM else []
