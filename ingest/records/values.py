"""Single values of a row, from whatever type they were written in. Optional values that make no sense are absent."""

import math
from collections.abc import Mapping
from typing import Any

from domain.errors import Refused
from domain.post import Author, PostKind

_LARGEST_COUNT = 2**53
_LARGEST_RATING = 100
_TRUE = {"true", "1", "yes", "t", "y"}
_KINDS: dict[str, PostKind] = {
    "post": "post", "tweet": "post", "status": "post", "comment": "comment", "reply": "comment",
    "repost": "repost", "retweet": "repost", "share": "repost", "article": "article", "news": "article",
    "review": "review", "message": "message",
}  # fmt: skip


def words(value: Any, field: str) -> str:
    """Return text as it is, a number as its digits, nothing as ""; raises Refused for lists and objects."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("bad_field", f"{field} must be text, not {type(value).__name__}")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def count(value: Any) -> int | None:
    """Return a counter, or None where it is absent or no counter: a broken one must not cost the post."""
    if isinstance(value, str):
        value = value.strip()
        if not value.isascii() or not value.replace(".", "", 1).isdigit() or len(value) > len(str(_LARGEST_COUNT)):
            return None
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if 0 <= value <= _LARGEST_COUNT else None


def rating(value: Any) -> int | None:
    """Return stars or points up to 100."""
    number = count(value)
    return number if number is not None and number <= _LARGEST_RATING else None


def flag(value: Any) -> bool:
    """Return whether a flag is set: true, 1, "yes"."""
    if isinstance(value, str):
        return value.strip().lower() in _TRUE
    return value is True or value == 1


def kind(value: Any) -> PostKind:
    """Return the kind of post, "post" for a word nobody knows."""
    return _KINDS.get(value.strip().lower(), "post") if isinstance(value, str) else "post"


def language(value: Any, default: str) -> str:
    """Return the primary language subtag in lower case: "en" of "en-GB"."""
    if not isinstance(value, str):
        return default
    tag = value.strip().replace("_", "-").split("-", 1)[0].lower()
    return tag if tag.isascii() and tag.isalpha() else default


def link(value: Any) -> str:
    """Return a web address; anything else (javascript:, a local path) is no link for people to click."""
    text = value.strip() if isinstance(value, str) else ""
    return text if text.startswith(("https://", "http://")) else ""


def author(value: Any) -> Author:
    """Return an author from an object, a handle, a name (it has a space) or a number."""
    if isinstance(value, str):
        name = value.strip()
        return Author(name=name) if " " in name else Author(handle=name.removeprefix("@"))
    if isinstance(value, Mapping):
        return _author_object(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Author(id=str(value))
    return Author()


def _author_object(row: Mapping[str, Any]) -> Author:
    def first(*names: str) -> Any:
        return next((found for name in names if (found := row.get(name)) is not None and found != ""), None)

    def optional_flag(name: str) -> bool | None:
        return None if row.get(name) is None else flag(row[name])

    return Author(
        id=words(first("id"), "author.id"),
        name=words(first("name", "display_name"), "author.name"),
        handle=words(first("handle", "username", "screen_name", "acct"), "author.handle").removeprefix("@"),
        url=link(first("url")),
        followers=count(first("followers", "followers_count")),
        verified=optional_flag("verified"),
        bot=optional_flag("bot"),
    )
