"""What a full-text index over the words of `domain.query.document.terms` is asked, as a tree that each index spells.

It narrows a search: all that a query finds is found by its expression, not the other way round. None: cannot narrow.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from domain.query.document import WORD


class Words(Struct, frozen=True, gc=False):
    """The word `literal`, or with `open_ended` all words that begin with it."""

    literal: str
    open_ended: bool = False


class Joined(Struct, frozen=True):
    """Any or all of two parts or more."""

    how: Literal["any", "all"]
    parts: "tuple[Expression, ...]"


Expression: TypeAlias = Words | Joined


def beginning(literal: str) -> Expression:
    """Words that start with `literal`."""
    return Words(literal, open_ended=True)


def whole(literal: str) -> Expression:
    """The word `literal`."""
    return Words(literal)


def either(parts: Iterable[Expression | None]) -> Expression | None:
    """Any of the parts; an unknown one makes the whole unknown."""
    known: dict[Expression, None] = {}
    for part in parts:
        if part is None:
            return None
        known.setdefault(part)
    return _join("any", tuple(known))


def every(parts: Iterable[Expression | None]) -> Expression | None:
    """All of the parts; an unknown one is left out."""
    return _join("all", tuple(dict.fromkeys(part for part in parts if part is not None)))


def words_of(folded: str) -> Expression | None:
    """All words of a folded text, in any order."""
    return every(whole(word) for word in WORD.findall(folded))


def fts5(expression: Expression) -> str:
    """Spell it for SQLite FTS5. Words are quoted, so that nothing a user writes is read as FTS5 syntax."""
    if isinstance(expression, Words):
        return f'"{expression.literal}" *' if expression.open_ended else f'"{expression.literal}"'
    operator = " OR " if expression.how == "any" else " AND "
    return f"({operator.join(map(fts5, expression.parts))})"


def _join(how: Literal["any", "all"], parts: tuple[Expression, ...]) -> Expression | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Joined(how, parts)
