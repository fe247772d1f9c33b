"""Expressions for a full-text index (SQLite FTS5 syntax) over the words that `domain.query.document.terms` gives.

They narrow a search: everything a query finds is found by its expression, not the other way round. None: cannot
narrow. Words are quoted, so that nothing a user writes is read as FTS5 syntax.
"""

from collections.abc import Iterable

from domain.query.document import WORD


def beginning(literal: str) -> str:
    """Words that start with `literal`."""
    return f'"{literal}" *'


def whole(literal: str) -> str:
    """The word `literal`."""
    return f'"{literal}"'


def either(parts: Iterable[str | None]) -> str | None:
    """Any of the parts; an unknown one makes the whole unknown."""
    known: dict[str, None] = {}
    for part in parts:
        if part is None:
            return None
        known.setdefault(part)
    return _join(" OR ", list(known))


def every(parts: Iterable[str | None]) -> str | None:
    """All of the parts; an unknown one is left out."""
    return _join(" AND ", list(dict.fromkeys(part for part in parts if part is not None)))


def words_of(folded: str) -> str | None:
    """All words of a folded text, in any order."""
    return every(whole(word) for word in WORD.findall(folded))


def _join(operator: str, parts: list[str]) -> str | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else f"({operator.join(parts)})"
