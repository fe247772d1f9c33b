"""Fields of a post that a query may ask for: `network: lang: kind: author: addressed: url: followers:`."""

import re
from collections.abc import Callable
from functools import cached_property
from typing import get_args

from msgspec import Struct

from domain.errors import QueryError
from domain.post import Post, PostKind
from domain.query.anchor import Anchor, AnchorKind, Anchors
from domain.query.document import WORD, Document, Found
from domain.query.fold import compose, fold
from domain.query.index import Expression
from domain.query.words import wildcard_regex

KINDS: tuple[str, ...] = get_args(PostKind)
FIELDS = {
    "text": "words of the text only",
    "title": "words of the title only",
    "network": "the network, as in network:vk",
    "lang": "the language the network gives, as in lang:kk",
    "kind": "one of " + ", ".join(KINDS),
    "author": "handle, id or words of the name",
    "addressed": "the account it is written to, as in addressed:auroraair",
    "url": "a part of the post's address, as in url:example.com",
    "followers": "a number, as in followers:>=1000 or followers:[100 TO 200]",
}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_WILD = frozenset("*?")


def _found(label: str) -> list[Found]:
    return [(-1, 0, 0, label)]


class FieldValue(Struct, frozen=True, dict=True):
    """`network:`, `lang:`, `kind:`, `addressed:` or `url:` with a value, wildcards allowed."""

    field: str
    value: str

    def find(self, document: Document) -> list[Found] | None:
        """Whether the post's value is that one (of an address: holds it; of an account: with or without network)."""
        value = _READERS[self.field](document.post).casefold()
        return _found(f"{self.field}:{value}") if value and self._fits(value) else None

    def _fits(self, value: str) -> bool:
        values = [value, value.partition(":")[2]] if self.field == "addressed" else [value]
        if self._regex:
            fits = self._regex.search if self.field == "url" else self._regex.fullmatch
            return any(map(fits, values))
        if self.field == "url":
            return self.value in value
        if self.field == "addressed":
            return self.value in values
        return value == self.value or (self.field == "lang" and value.split("-", maxsplit=1)[0] == self.value)

    @cached_property
    def _regex(self) -> re.Pattern[str] | None:
        return None if _WILD.isdisjoint(self.value) else wildcard_regex(self.value)

    def anchors(self) -> Anchors:
        """The value, where a post has one value to look up."""
        if self.field == "url" or self._regex:
            return None
        return frozenset({Anchor(_LOOKED_UP[self.field], self.value)})

    def narrowing(self) -> Expression | None:
        """A full-text index holds no fields."""
        return None


class AuthorIs(Struct, frozen=True, dict=True):
    """`author:` equals the handle or the id, or its words stand in the name."""

    value: str

    def find(self, document: Document) -> list[Found] | None:
        """Whether the author is that one."""
        author = document.post.author
        handle, native, name = (fold(compose(text)) for text in (author.handle, author.id, author.name))
        if self._regex:
            fits = any(self._regex.fullmatch(text) for text in (handle.lstrip("@"), native, name) if text)
        else:
            fits = self.value in {handle.lstrip("@"), native} or f" {self._words} " in f" {_spaced(name)} "
        return _found(f"author:{author.handle or author.name or author.id}") if fits else None

    @cached_property
    def _regex(self) -> re.Pattern[str] | None:
        return None if _WILD.isdisjoint(self.value) else wildcard_regex(self.value)

    @cached_property
    def _words(self) -> str:
        return _spaced(self.value)

    def anchors(self) -> Anchors:
        """The longest word of the value."""
        if self._regex:
            return None
        return frozenset({Anchor("author", max(WORD.findall(self.value), key=len))})

    def narrowing(self) -> Expression | None:
        """A full-text index holds no fields."""
        return None


class Followers(Struct, frozen=True, gc=False):
    """`followers:` within [low, high]; an author whose network shows no number never matches."""

    low: int | None
    high: int | None

    def find(self, document: Document) -> list[Found] | None:
        """Whether the number is known and within."""
        followers = document.post.author.followers
        if followers is None or (self.low is not None and followers < self.low):
            return None
        return None if self.high is not None and followers > self.high else _found(f"followers:{followers}")

    def anchors(self) -> Anchors:
        """A number cannot be looked up."""
        return None

    def narrowing(self) -> Expression | None:
        """A full-text index holds no fields."""
        return None


def field_value(field: str, value: str, position: int) -> FieldValue | AuthorIs:
    """Compile a value of a field that is not text; raises QueryError when no post can have it."""
    if not value.strip("*?"):
        raise QueryError(
            f"{field}: with nothing but wildcards", position=position, remedy=f"name a value: {FIELDS[field]}"
        )
    if field == "author":
        folded = fold(compose(value)) if _WILD.isdisjoint(value) else _fold_wild(value)
        if not WORD.search(folded):
            raise QueryError("author: without a letter", position=position, remedy="write a handle: author:auroraair")
        return AuthorIs(folded.strip().lstrip("@"))
    lowered = value.casefold().lstrip("@") if field == "addressed" else value.casefold()
    if _WILD.isdisjoint(lowered):
        if field == "kind" and lowered not in KINDS:
            raise QueryError(f"No post is of kind {value!r}", position=position, remedy=f"use {FIELDS['kind']}")
        if field == "lang" and not _LANGUAGE.fullmatch(lowered):
            raise QueryError(f"{value!r} is no language code", position=position, remedy="use two letters: lang:kk")
    return FieldValue(field, lowered)


def _fold_wild(value: str) -> str:
    return "".join(part if part in _WILD else fold(compose(part)) for part in re.split(r"([*?])", value))


def _spaced(folded: str) -> str:
    return " ".join(WORD.findall(folded))


_READERS: dict[str, Callable[[Post], str]] = {
    "network": lambda post: post.network,
    "lang": lambda post: post.lang.replace("_", "-"),
    "kind": lambda post: post.kind,
    "addressed": lambda post: post.addressed,
    "url": lambda post: post.url,
}
_LOOKED_UP: dict[str, AnchorKind] = {
    "network": "network",
    "lang": "lang",
    "kind": "kind",
    "addressed": "addressed",
}
