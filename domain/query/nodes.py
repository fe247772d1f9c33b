"""The compiled query: a tree of immutable nodes that find, name their anchors and narrow an index."""

from bisect import bisect_left
from typing import Protocol

from msgspec import Struct

from domain.query import index
from domain.query.anchor import Anchors, any_of, best_of
from domain.query.document import Document, Found, Zone
from domain.query.index import Expression
from domain.query.words import WordTest


class Node(Protocol):
    """One part of a query."""

    def find(self, document: Document) -> list[Found] | None:
        """What makes the document match, or None when it does not."""
        ...

    def anchors(self) -> Anchors:
        """What must be there for it to match."""
        ...

    def narrowing(self) -> Expression | None:
        """The full-text index's expression."""
        ...


class Scope(Struct, frozen=True, gc=False):
    """Where words are looked for."""

    title: bool = True
    text: bool = True

    def zones(self, document: Document) -> tuple[Zone, ...]:
        """The zones to look in."""
        if self.title and self.text:
            return document.zones
        return (document.title,) if self.title else (document.text,)


class Term(Struct, frozen=True, gc=False):
    """One word."""

    test: WordTest
    scope: Scope

    def find(self, document: Document) -> list[Found] | None:
        """Every place of the word."""
        wide = self.test.width - 1
        found: list[Found] = [
            (zone.number, place, place + wide, "")
            for zone in self.scope.zones(document)
            for place in self.test.places(zone)
        ]
        return found or None

    def anchors(self) -> Anchors:
        """The word's."""
        return self.test.anchors()

    def narrowing(self) -> Expression | None:
        """The word's."""
        return self.test.narrowing()


class Sequence(Struct, frozen=True, gc=False):
    """Words side by side, in order; with `slop`, Lucene's: the words may be moved by that many places in all."""

    tests: tuple[WordTest, ...]
    scope: Scope
    slop: int = 0

    def find(self, document: Document) -> list[Found] | None:
        """The stretches that hold the words."""
        found: list[Found] = []
        for zone in self.scope.zones(document):
            found += [(zone.number, first, last, "") for first, last in self._stretches(zone)]
        return found or None

    def _stretches(self, zone: Zone) -> list[tuple[int, int]]:
        """(first, last) word numbers of each stretch.

        A word that should stand at `offset` and stands at `place` is moved to `place - offset`; the phrase is there
        when all these differ by at most `slop`.
        """
        offsets, places, width = [], [], 0
        for test in self.tests:
            standing = test.places(zone)
            if not standing:
                return []
            offsets.append(width)
            places.append(standing)
            width += test.width
        starts = {place - offset for offset, standing in zip(offsets, places, strict=True) for place in standing}
        stretches = []
        for start in sorted(starts if self.slop else {place - offsets[0] for place in places[0]}):
            chosen = self._choose(start, offsets, places)
            if chosen:
                last = max(place + test.width - 1 for place, test in zip(chosen, self.tests, strict=True))
                stretches.append((min(chosen), last))
        return stretches

    def _choose(self, start: int, offsets: list[int], places: list[list[int]]) -> list[int]:
        """The earliest place of each word not before `start`; a repeated word needs a place of its own."""
        chosen: list[int] = []
        used: dict[WordTest, int] = {}
        for test, offset, standing in zip(self.tests, offsets, places, strict=True):
            earliest = max(start + offset, used.get(test, -1) + 1)
            at = bisect_left(standing, earliest)
            if at == len(standing) or standing[at] - offset - start > self.slop:
                return []
            chosen.append(standing[at])
            used[test] = standing[at]
        return chosen

    def anchors(self) -> Anchors:
        """Its rarest word's."""
        return best_of(test.anchors() for test in self.tests)

    def narrowing(self) -> Expression | None:
        """All its words."""
        return index.every(test.narrowing() for test in self.tests)


class Clause(Struct, frozen=True, gc=False):
    """AND and OR as Lucene means them: what must be there, what is welcome, and what must not be there.

    Where nothing is required, one welcome side must be there.
    """

    required: tuple[Node, ...] = ()
    welcome: tuple[Node, ...] = ()
    excluded: tuple[Node, ...] = ()

    def find(self, document: Document) -> list[Found] | None:
        """What any side found, when every required one did and no excluded one."""
        found: list[Found] = []
        for node in self.required:
            part = node.find(document)
            if part is None:
                return None
            found += part
        matched = bool(self.required)
        for node in self.welcome:
            part = node.find(document)
            if part is not None:
                matched = True
                found += part
        if not matched or any(node.find(document) is not None for node in self.excluded):
            return None
        return found

    def anchors(self) -> Anchors:
        """The rarest required side's, or else all sides'."""
        if self.required:
            return best_of(node.anchors() for node in self.required)
        return any_of(node.anchors() for node in self.welcome)

    def narrowing(self) -> Expression | None:
        """Every required side, or else any side."""
        if self.required:
            return index.every(node.narrowing() for node in self.required)
        return index.either(node.narrowing() for node in self.welcome)


class Nothing(Struct, frozen=True, gc=False):
    """A group of negations inside an AND: true when none of them is there. Finds nothing to show."""

    excluded: tuple[Node, ...]

    def find(self, document: Document) -> list[Found] | None:
        """An empty list when none is there."""
        return None if any(node.find(document) is not None for node in self.excluded) else []

    def anchors(self) -> Anchors:
        """An absence cannot be looked for."""
        return None

    def narrowing(self) -> Expression | None:
        """Nor narrow an index."""
        return None
