"""What a brand's query asks for, in words that a network's own search understands.

A network finds less exactly than Tocsin matches: each phrase is to bring all that one alternative of the query could
match, and what it brings too much is left to the matcher.
"""

from itertools import product
from typing import NamedTuple

from domain.brand import Brand
from domain.query.grammar import Tree, parse
from domain.query.syntax import prepare

MOST = 100
"""Phrases of one query; the rest of a query with more alternatives is not asked for."""

_NEGATIVE = {"Not", "Prohibit"}
_TEXT_FIELDS = {"text", "title"}


class Phrase(NamedTuple):
    """Words and phrases that must all be there; `exact` are those in quotes."""

    words: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()

    def quoted(self) -> str:
        """As most networks write it: `"aurora air" late`."""
        return " ".join([*(f'"{phrase}"' for phrase in self.exact), *self.words])

    def plain(self) -> str:
        """The words alone: `aurora air late`."""
        return " ".join([*self.exact, *self.words])

    def joined(self, other: "Phrase") -> "Phrase":
        """Both must be there."""
        words = tuple(dict.fromkeys(self.words + other.words))
        return Phrase(words, tuple(dict.fromkeys(self.exact + other.exact)))


def phrases(brand: Brand) -> list[Phrase]:
    """The alternatives of a brand's query, in their order; its name where the query names no words at all.

    Wildcards are cut to their beginning. Words that must not be there, and fields (`lang:`, `author:`), are left out.
    Raises QueryError for a query that cannot be read.
    """
    found = [one for one in _alternatives(parse(prepare(brand.query).text)) if one.words or one.exact]
    return list(dict.fromkeys(found))[:MOST] or [Phrase(exact=(brand.name,))]


def _alternatives(tree: Tree) -> list[Phrase]:
    """What can be true of a part of the query; one empty phrase where it asks for no words."""
    match type(tree).__name__:
        case "OrOperation" | "UnknownOperation":
            return _listed(tree.children)
        case "AndOperation":
            parts = [_alternatives(child) for child in tree.children if type(child).__name__ not in _NEGATIVE]
            return [_all(chosen) for chosen, _ in zip(product(*parts), range(MOST), strict=False)]
        case "Group" | "FieldGroup" | "Boost" | "Fuzzy" | "Plus":
            return _alternatives(tree.children[0])
        case "SearchField" if tree.name in _TEXT_FIELDS:
            return _alternatives(tree.expr)
    return [_leaf(tree)]


def _leaf(tree: Tree) -> Phrase:
    match type(tree).__name__:
        case "Proximity":
            return Phrase(words=tuple(tree.term.value.strip('"').split()))
        case "Phrase":
            return Phrase(exact=(tree.value.strip('"'),))
        case "Word":
            return Phrase(words=_beginning(tree.value))
    return Phrase()


def _listed(children: list[Tree]) -> list[Phrase]:
    """Alternatives side by side; a `+` among them must be there whatever else is."""
    must = [_alternatives(child) for child in children if type(child).__name__ == "Plus"]
    if must:
        return [_all(chosen) for chosen, _ in zip(product(*must), range(MOST), strict=False)]
    wanted = [child for child in children if type(child).__name__ not in _NEGATIVE]
    return [one for child in wanted for one in _alternatives(child)]


def _all(chosen: tuple[Phrase, ...]) -> Phrase:
    whole = Phrase()
    for one in chosen:
        whole = whole.joined(one)
    return whole


def _beginning(word: str) -> tuple[str, ...]:
    plain = word.replace("\\", "")
    cut = min((plain.find(star) for star in "*?" if star in plain), default=len(plain))
    return (plain[:cut],) if plain[:cut] else ()
