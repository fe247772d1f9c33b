"""Anchors: what must be there for a query to match at all. The prefilter looks for them and for nothing else."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

AnchorKind = Literal["text", "author", "network", "lang", "kind", "addressed"]


class Anchor(Struct, frozen=True, gc=False):
    """A literal of the folded text, or a value of a field.

    `starts` and `ends` say that a text literal stands at the start or the end of a word, so that `alz` of Alza does
    not wake at every Balzac.
    """

    kind: AnchorKind
    literal: str
    starts: bool = False
    ends: bool = False

    @property
    def strength(self) -> int:
        """How seldom it is met, roughly: long literals seldom, a network or a language in every second post."""
        if self.kind == "text":
            return len(self.literal) + self.starts + self.ends
        return len(self.literal) + 2 if self.kind in {"author", "addressed"} else 1


Anchors = frozenset[Anchor] | None
"""At least one of these must be there; None: nothing is sure, the query is always tried."""


def any_of(parts: Iterable[Anchors]) -> Anchors:
    """Anchors of an OR: every side brings its own."""
    union: set[Anchor] = set()
    for part in parts:
        if part is None:
            return None
        union |= part
    return frozenset(union)


def best_of(parts: Iterable[Anchors]) -> Anchors:
    """Anchors of an AND: the side that is met least often."""
    known = [part for part in parts if part]
    return max(known, key=lambda part: (min(anchor.strength for anchor in part), -len(part)), default=None)


def shortest_literals(literals: Iterable[str], *, starts: bool, ends: bool = False) -> frozenset[Anchor]:
    """Text anchors of a set of stems; a stem that begins with another one is found with it."""
    kept: list[str] = []
    for literal in sorted(set(literals), key=len):
        if not any(literal.startswith(shorter) if starts else shorter in literal for shorter in kept):
            kept.append(literal)
    return frozenset(Anchor("text", literal, starts, ends) for literal in kept)
