"""A post as queries see it: its title and its text as folded words, split once and only when asked for."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

from domain.post import Post
from domain.query.fold import compose, fold, offsets

WORD = re.compile(r"[^\W_]+")
# A handle may hold dots (aurora.bsky.social), a hashtag and a cashtag not; an e-mail address is neither.
NAME = re.compile(r"(?<!\w)(?:@\w+(?:\.\w+)*|[#$]\w+)")

Found: TypeAlias = tuple[int, int, int, str]
"""What a query found: (zone, first word, last word, ""), or (-1, 0, 0, "field:value") for a field."""

_TITLE, _TEXT = 0, 1
_MOST_SHOWN = 20


class Zone:
    """One stretch of text inside which phrases live: the title, or the text."""

    def __init__(self, text: str, number: int) -> None:
        self.number = number
        self._composed = compose(text)
        self.folded = fold(self._composed)

    @cached_property
    def words(self) -> list[str]:
        """The folded words in order."""
        return WORD.findall(self.folded)

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Start and end of each word in the folded text."""
        return [found.span() for found in WORD.finditer(self.folded)]

    @cached_property
    def names(self) -> dict[int, str]:
        """Word number -> the handle, hashtag or cashtag that begins there, with its sign."""
        if not any(sign in self.folded for sign in "@#$"):
            return {}
        numbers = {start: number for number, (start, _) in enumerate(self.places)}
        named: dict[int, str] = {}
        for found in NAME.finditer(self.folded):
            first = WORD.search(self.folded, found.start(), found.end())
            if first:
                named[numbers[first.start()]] = found.group()
        return named

    def surface(self, first: int, last: int) -> str:
        """The original spelling from word `first` to word `last`, with the sign of a name."""
        start, end = self.places[first][0], self.places[last][1]
        if start and self.folded[start - 1] in "@#$" and first in self.names:
            start -= 1
        return self._composed[self._offsets[start] : self._offsets[end]].rstrip()

    @cached_property
    def _offsets(self) -> Sequence[int]:
        return offsets(self._composed)


class Document:
    """What a query is matched against. Nothing is split into words before a query asks."""

    def __init__(self, post: Post) -> None:
        self.post = post

    @cached_property
    def title(self) -> Zone:
        """The title."""
        return Zone(self.post.title, _TITLE)

    @cached_property
    def text(self) -> Zone:
        """The text."""
        return Zone(self.post.text, _TEXT)

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Title and text, or the text alone."""
        return (self.title, self.text) if self.post.title else (self.text,)

    @property
    def folded(self) -> str:
        """All folded text, for the prefilter."""
        return f"{self.title.folded}\n{self.text.folded}" if self.post.title else self.text.folded

    @cached_property
    def author_words(self) -> frozenset[str]:
        """Folded words of the author's handle, id and name."""
        author = self.post.author
        return frozenset(WORD.findall(fold(compose(f"{author.handle} {author.id} {author.name}"))))

    def surfaces(self, found: list[Found]) -> tuple[str, ...]:
        """Spell out what was found, in order of appearance, each once, at most 20."""
        spelled: dict[str, None] = {}
        for zone, first, last, label in sorted(set(found)):
            surface = label or (self.title if zone == _TITLE else self.text).surface(first, last)
            spelled.setdefault(surface)
            if len(spelled) == _MOST_SHOWN:
                break
        return tuple(spelled)


def analyse(post: Post) -> Document:
    """Prepare a post for matching any number of queries."""
    return Document(post)


def terms(text: str) -> list[str]:
    """The folded words of a text, in order: what a full-text index holds and `Query.index_query` asks for."""
    return WORD.findall(fold(compose(text)))
