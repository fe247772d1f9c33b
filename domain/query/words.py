"""Tests of one word of a document: in all its forms, exactly, by wildcard, almost, or as a name with its sign."""

import re
from functools import cached_property
from typing import Protocol

from msgspec import Struct

from domain.query import index
from domain.query.anchor import Anchor, Anchors, shortest_literals
from domain.query.document import WORD, Zone
from domain.query.forms import Pattern, forms
from domain.query.index import Expression

_LONGEST_FITTED = 100
"""Letters. A longer run is no word of any language, and a pattern with several * would be slow on it."""


class WordTest(Protocol):
    """Looks for one word. `width` is how many words of the document it covers (a handle may have several)."""

    @property
    def width(self) -> int:
        """Words covered."""
        ...

    def places(self, zone: Zone) -> list[int]:
        """Numbers of the words where it is found, rising."""
        ...

    def anchors(self) -> Anchors:
        """What the folded text must hold."""
        ...

    def narrowing(self) -> Expression | None:
        """The full-text index's expression."""
        ...


class Forms(Struct, frozen=True, gc=False):
    """A plain word in all its forms. `lead` begins all of them (empty where a clitic may stand before)."""

    word: str
    lead: str
    patterns: tuple[Pattern, ...]
    width: int = 1

    @classmethod
    def of(cls, word: str) -> "Forms":
        """Compile the forms of a folded word."""
        patterns = forms(word)
        lead = word
        for pattern in patterns:
            lead = "" if pattern.heads else _common(lead, pattern.stem)
        return cls(word, lead, patterns)

    def places(self, zone: Zone) -> list[int]:
        """Where any form stands."""
        lead = self.lead
        return [
            number
            for number, word in enumerate(zone.words)
            if word.startswith(lead)
            and (word == self.word or any(pattern.accepts(word) for pattern in self.patterns))
        ]

    def anchors(self) -> Anchors:
        """The shortest stems."""
        inside = any(pattern.heads for pattern in self.patterns)
        return shortest_literals([self.word, *(pattern.stem for pattern in self.patterns)], starts=not inside)

    def narrowing(self) -> Expression | None:
        """Words that begin with a stem, after each of its heads."""
        beginnings = dict.fromkeys([self.word])
        for pattern in self.patterns:
            beginnings.update(dict.fromkeys(head + pattern.stem for head in sorted(pattern.heads) or [""]))
        kept = [one for one in beginnings if not any(one != other and one.startswith(other) for other in beginnings)]
        return index.either(index.beginning(one) for one in kept)


class Exact(Struct, frozen=True, gc=False):
    """A word of a phrase: this form, whatever its case and diacritics."""

    word: str
    width: int = 1

    def places(self, zone: Zone) -> list[int]:
        """Where it stands."""
        return [number for number, word in enumerate(zone.words) if word == self.word]

    def anchors(self) -> Anchors:
        """The word, whole."""
        return frozenset({Anchor("text", self.word, starts=True, ends=True)})

    def narrowing(self) -> Expression | None:
        """The word."""
        return index.whole(self.word)


class Wildcard(Struct, frozen=True, dict=True):
    """A word with * (any letters) and ? (one letter), in the folded spelling."""

    pattern: str
    width: int = 1

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return wildcard_regex(self.pattern)

    def places(self, zone: Zone) -> list[int]:
        """Where a word fits."""
        fits = self._regex.fullmatch
        return [number for number, word in enumerate(zone.words) if len(word) <= _LONGEST_FITTED and fits(word)]

    def anchors(self) -> Anchors:
        """Its longest literal part."""
        parts = re.split(r"[*?]+", self.pattern)
        longest = max(parts, key=len)
        if not longest:
            return None
        return frozenset({Anchor("text", longest, starts=bool(parts[0]) and longest == parts[0])})

    def narrowing(self) -> Expression | None:
        """Words that begin like it."""
        first = re.split(r"[*?]", self.pattern, maxsplit=1)[0]
        return index.beginning(first) if first else None


def wildcard_regex(pattern: str) -> re.Pattern[str]:
    """Translate a folded wildcard pattern; runs of * are one, so that no input makes it slow."""
    steps = {"*": ".*", "?": "."}
    parts = re.findall(r"\*+|[^*]", pattern)
    return re.compile("".join(steps.get(part[0], re.escape(part)) for part in parts), re.DOTALL)


class Almost(Struct, frozen=True, gc=False):
    """A word with at most one letter wrong, missing, added or swapped with its neighbour."""

    word: str
    width: int = 1

    def places(self, zone: Zone) -> list[int]:
        """Where a word is near enough."""
        return [number for number, word in enumerate(zone.words) if within_one_edit(self.word, word)]

    def anchors(self) -> Anchors:
        """One half survives any single mistake but a swap across the middle, which is spelled out."""
        middle = len(self.word) // 2
        left, right = self.word[:middle], self.word[middle:]
        swapped = left[:-1] + right[0] + left[-1] + right[1:]
        return frozenset(Anchor("text", literal) for literal in (left, right, swapped))

    def narrowing(self) -> Expression | None:
        """An index of beginnings cannot help."""
        return None


def within_one_edit(expected: str, word: str) -> bool:
    """Whether the optimal string alignment distance (Lucene's fuzzy distance) is at most one."""
    if abs(len(expected) - len(word)) > 1:
        return False
    same = len(_common(expected, word))
    left, right = expected[same:], word[same:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2] == right[:2][::-1] and left[2:] == right[2:])
    )


class Name(Struct, frozen=True, gc=False):
    """A handle, hashtag or cashtag with its sign; plain words match it as well, this matches nothing else."""

    name: str
    width: int

    @classmethod
    def of(cls, name: str) -> "Name":
        """Compile a folded name such as `@aurora_air`."""
        return cls(name, len(WORD.findall(name)))

    def places(self, zone: Zone) -> list[int]:
        """Where it begins."""
        return [number for number, name in zone.names.items() if name == self.name]

    def anchors(self) -> Anchors:
        """Its longest part, whole."""
        longest = max(WORD.findall(self.name), key=len)
        return frozenset({Anchor("text", longest, starts=True, ends=True)})

    def narrowing(self) -> Expression | None:
        """Its parts."""
        return index.words_of(self.name)


def _common(left: str, right: str) -> str:
    for at, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return left[:at]
    return left[: min(len(left), len(right))]
