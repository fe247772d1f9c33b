"""Which column of a row holds which field of a post."""

from collections.abc import Iterable, Mapping
from typing import Any

FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("id", "native_id"),
    "text": ("text",),
    "title": ("title",),
    "created_at": ("created_at",),
    "edited_at": ("edited_at",),
    "network": ("network",),
    "kind": ("kind",),
    "url": ("url",),
    "lang": ("lang",),
    "author": ("author",),
    "author_id": ("author_id",),
    "author_name": ("author_name",),
    "author_handle": ("author_handle",),
    "author_url": ("author_url",),
    "followers": ("followers",),
    "likes": ("likes", "engagement.likes"),
    "reposts": ("reposts", "retweets", "engagement.reposts"),
    "replies": ("replies", "engagement.replies"),
    "views": ("views", "engagement.views"),
    "rating": ("rating",),
    "reply_to": ("reply_to",),
    "repost_of": ("repost_of",),
    "deleted": ("deleted",),
}
"""Field of a post -> the columns looked into when config maps none, first one filled wins."""

NEEDED = ("text", "created_at")
"""Without these no row can become a post."""

_MISSING = object()
_PLANS = 1_000


def value_at(row: Mapping[str, Any], column: str) -> Any:
    """Return what `column` holds; a dotted name walks into nested objects unless a column has that very name."""
    found = row.get(column, _MISSING)
    if found is not _MISSING:
        return found
    if "." not in column:
        return None
    here: Any = row
    for step in column.split("."):
        if not isinstance(here, Mapping):
            return None
        here = here.get(step)
    return here


class Columns:
    """The configured map (field -> column) over the defaults."""

    def __init__(self, mapped: Mapping[str, str] | None = None) -> None:
        self.mapped = dict(mapped or {})
        self._columns = {
            field: (self.mapped[field],) if field in self.mapped else columns for field, columns in FIELDS.items()
        }
        self._plans: dict[tuple[str, ...], list[tuple[str, str]]] = {}

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row's values by field; what is absent, null or empty is left out."""
        plan = self._plan(row)
        found: dict[str, Any] = {}
        for field, column in plan:
            value = row.get(column)
            if value is None and "." in column:
                value = value_at(row, column)
            if value is not None and value != "" and field not in found:
                found[field] = value
        return found

    def _plan(self, row: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What can be found in rows with these columns: rows of a file are mostly alike, so it is worked out once."""
        names = tuple(row)
        plan = self._plans.get(names)
        if plan is None:
            plan = [
                (field, column)
                for field, columns in self._columns.items()
                for column in columns
                if column in row or _head(column) in row
            ]
            if len(self._plans) < _PLANS:
                self._plans[names] = plan
        return plan

    def wanted(self) -> set[str]:
        """Return every top-level column that may be read."""
        return {name for columns in self._columns.values() for column in columns for name in (column, _head(column))}

    def missing(self, found: Iterable[str], *, optional_too: bool = True) -> list[tuple[str, str]]:
        """Return (field, column) of what is configured or needed and not among the columns found.

        `optional_too` also counts mapped fields that no post needs: right for a header, wrong for JSON objects,
        which leave out what they lack. A title may stand in for the text.
        """
        names = set(found)
        needed = list(NEEDED)
        if self._has("title", names) and "text" not in self.mapped:
            needed.remove("text")
        if "id" in self.mapped:
            needed.append("id")
        if optional_too:
            needed += [field for field in self.mapped if field not in needed]
        return [(field, self._columns[field][0]) for field in needed if not self._has(field, names)]

    def _has(self, field: str, names: set[str]) -> bool:
        return any(column in names or _head(column) in names for column in self._columns[field])


def _head(column: str) -> str:
    return column.split(".", 1)[0]
