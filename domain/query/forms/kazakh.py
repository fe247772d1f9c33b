"""Kazakh inflection: chains of plural, possessive and case suffixes with vowel harmony and assimilation.

Works over folded letters, so that words typed on a Russian keyboard inflect as well: ғ is г, қ is к, ң is н, і is и.
"""

from functools import cache

from domain.query.forms.pattern import BARE, Pattern

_BACK, _FRONT = frozenset("аоуыяюё"), frozenset("еиэ")
_VOWELS = _BACK | _FRONT
_GLIDES = frozenset("иу")
_NASALS = frozenset("нм")
_BUZZING = frozenset("зж")
_FINAL_DEVOICED = frozenset("бвгд")
_SONORANTS = frozenset("рлй")
_SHORTEST = 3
_SHORTEST_INFLECTED_STEM = 4
_SHORTEST_INFLECTED_TAIL = 3

# Kinds of final sound: v vowel, r sonorant or glide, n nasal, z buzzing, t voiceless.
_PLURAL = {"v": "лAр", "r": "лAр", "l": "дAр", "n": "дAр", "z": "дAр", "t": "тAр"}
_CASES = {
    "v": "нY нYн гA дA дAн мен",
    "r": "дY дYн гA дA дAн мен",
    "l": "дY дYн гA дA дAн мен",
    "n": "дY нYн гA дA нAн мен",
    "z": "дY дYн гA дA дAн бен",
    "t": "тY тYн кA тA тAн пен",
}
_OWN = {"v": "ники", "r": "дики", "l": "дики", "n": "ники", "z": "дики", "t": "тики"}
_LIKE = {"v": "дAй дAгY", "r": "дAй дAгY", "l": "дAй дAгY", "n": "дAй дAгY", "z": "дAй дAгY", "t": "тAй тAгY"}
_PREDICATE = {"v": "мYн", "r": "мYн", "l": "мYн", "n": "мYн", "z": "бYн", "t": "пYн"}
_AFTER_VOWEL = {"м": "mine", "н": "mine", "сY": "theirs", "мYз": "ours", "нYз": "ours"}
_AFTER_CONSONANT = {"Yм": "mine", "Yн": "mine", "Y": "theirs", "YмYз": "ours", "YнYз": "ours"}
_POSSESSED_CASES = {
    "mine": "дY нYн A дA нAн мен дAгY",
    "theirs": "н нYн нA ндA нAн мен ндAгY",
    "ours": "дY дYн гA дA дAн бен дAгY",
}


def kazakh(word: str) -> list[Pattern]:
    """Forms of a folded Cyrillic word taken as Kazakh; a long inflected word also gives its stem's forms."""
    if len(word) < _SHORTEST or not word.isalpha() or _VOWELS.isdisjoint(word):
        return []
    patterns = _forms(word)
    for cut in range(_SHORTEST_INFLECTED_STEM, len(word) - _SHORTEST_INFLECTED_TAIL + 1):
        stem = word[:cut]
        if not _VOWELS.isdisjoint(stem) and any(pattern.accepts(word) for pattern in _forms(stem)):
            return [*patterns, Pattern(stem, BARE), *_forms(stem)]
    return patterns


def _forms(word: str) -> list[Pattern]:
    """Suffixes by each way the final sound may be heard: и and у are vowels or glides, б and г may be devoiced."""
    short = len(word) <= _SHORTEST
    harmony = _harmony(word)
    endings = tails(_kinds(word[-1]), harmony, short)
    if word[-1] == "и":
        # Каспи + і would fold to Каспии, which in Russian is the sea.
        endings = _without_bare_vowel(endings)
    patterns = [Pattern(word, endings)]
    voiced = {"к": "г", "п": "б"}.get(word[-1])
    if voiced:
        patterns.append(Pattern(word[:-1] + voiced, _possessed(harmony, short)))
    return patterns


@cache
def _without_bare_vowel(endings: frozenset[str]) -> frozenset[str]:
    return endings - {"ы", "и"}


def _kinds(last: str) -> str:
    if last in _GLIDES:
        return "vr"
    if last in _VOWELS:
        return "v"
    if last in _SONORANTS:
        return "l" if last == "л" else "r"
    if last in _NASALS:
        return "n"
    if last in _BUZZING:
        return "z"
    return "zt" if last in _FINAL_DEVOICED else "t"


def _harmony(word: str) -> str:
    """Vowels a suffix may have. Folding has made ә, ө and ү back, so only a last е, и or э is sure."""
    last = next((letter for letter in reversed(word) if letter in _VOWELS), "а")
    return "f" if last in _FRONT else "bf"


@cache
def tails(kinds: str, harmony: str, short: bool) -> frozenset[str]:  # noqa: FBT001  # a cache key
    """Every suffix chain after a final sound of these kinds."""
    chains: set[str] = set()
    for kind in kinds:
        plural = _PLURAL[kind]
        chains.update(_after(kind))
        chains.add(plural)
        chains.update(plural + chain for chain in _after("r"))
    spelled = {_spell(chain, choice) for chain in chains for choice in harmony}
    if short:
        # рис and риске (риск): a short word gives too little to tell a suffix from another word's end.
        spelled = {tail for tail in spelled if len(tail) > 1 and tail not in {"ка", "ке", "та", "те", "ты", "ти"}}
    return frozenset(tail for tail in spelled if tail not in {"м", "н"})


def _after(kind: str) -> set[str]:
    chains = {*_CASES[kind].split(), *_LIKE[kind].split(), _OWN[kind], _PREDICATE[kind]}
    for suffix, owner in (_AFTER_VOWEL if kind == "v" else _AFTER_CONSONANT).items():
        chains.add(suffix)
        chains.update(suffix + case for case in _POSSESSED_CASES[owner].split())
    return chains


@cache
def _possessed(harmony: str, short: bool) -> frozenset[str]:  # noqa: FBT001  # a cache key
    chains = {
        suffix + case for suffix, owner in _AFTER_CONSONANT.items() for case in ("", *_POSSESSED_CASES[owner].split())
    }
    spelled = {_spell(chain, choice) for chain in chains for choice in harmony}
    return frozenset(tail for tail in spelled if len(tail) > 1 or not short)


def _spell(chain: str, choice: str) -> str:
    return chain.replace("A", "а" if choice == "b" else "е").replace("Y", "ы" if choice == "b" else "и")
