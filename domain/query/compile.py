"""From a query's text to its tree of nodes, once; every mistake becomes a QueryError with its place and remedy."""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from domain.errors import QueryError
from domain.query.document import NAME, WORD
from domain.query.fields import FIELDS, Followers, field_value
from domain.query.fold import compose, fold
from domain.query.grammar import Tree, parse
from domain.query.nodes import Clause, Node, Nothing, Scope, Sequence, Term
from domain.query.syntax import DEEPEST, Prepared, prepare
from domain.query.words import Almost, Exact, Forms, Name, Wildcard, WordTest

_ANYWHERE = Scope()
_SCOPES = {"text": Scope(title=False), "title": Scope(text=False)}
_SHORTEST_WILDCARD = 2
_MOST_STARS = 3
_SHORTEST_ALMOST = 5
_LARGEST_SLOP = 100
_LOWER_OPERATORS = {"and", "or", "not"}
# Escaped wildcards must survive unescaping; no text holds these characters.
_LITERAL = {"*": "\ue000", "?": "\ue001"}


def compile_tree(query: str) -> Node:
    """Parse and compile; raises QueryError."""
    from luqum.exceptions import ParseError

    prepared = prepare(query)
    try:
        tree = parse(prepared.text)
    except ParseError as error:
        found = re.search(r"position (\d+)", str(error))
        at = int(found.group(1)) if found else len(prepared.text)
        raise QueryError(
            "The query cannot be read",
            position=prepared.origin[min(at, len(prepared.text))],
            remedy='put a \\ before a special character, or quotes around the words: "aurora: air"',
        ) from error
    compiler = _Compiler(prepared)
    node, negative = compiler.compile(tree, "", 0)
    if negative:
        raise QueryError(
            "The query only says what must not be there, so it would match everything else",
            position=compiler.place(tree),
            remedy="add a word that must be there: aurora -borealis",
        )
    return node


_Compiled: TypeAlias = tuple[Node, bool]
"""A node, and whether it is negative: true of a post that says nothing."""


class _Compiler:
    """Walks luqum's tree. `field` is the field in force, empty for title and text."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self._steps: dict[str, Callable[[Tree, str, int], _Compiled]] = {
            "Group": lambda tree, field, depth: self.compile(tree.expr, field, depth),
            "FieldGroup": lambda tree, field, depth: self.compile(tree.expr, field, depth),
            "Boost": lambda tree, field, depth: self.compile(tree.expr, field, depth),
            "Plus": lambda tree, field, depth: self.compile(tree.a, field, depth),
            "Not": self._negation,
            "Prohibit": self._negation,
            "AndOperation": self._and,
            "OrOperation": self._or,
            "UnknownOperation": self._or,
            "SearchField": self._field,
            "Word": self._word,
            "Phrase": self._phrase,
            "Proximity": self._proximity,
            "Fuzzy": self._fuzzy,
            "Range": self._range,
            "From": self._comparison,
            "To": self._comparison,
        }

    def place(self, tree: Tree) -> int:
        """Where a part of the query was typed."""
        while type(tree).__name__.endswith("Operation"):
            tree = tree.children[0]
        at = tree.pos if tree.pos is not None else 0
        return self.prepared.origin[min(at, len(self.prepared.text))]

    def compile(self, tree: Tree, field: str, depth: int) -> _Compiled:
        if depth > 2 * DEEPEST:
            raise QueryError("The query is nested too deep", position=self.place(tree), remedy="write it flatter")
        return self._steps[type(tree).__name__](tree, field, depth + 1)

    def _negation(self, tree: Tree, field: str, depth: int) -> _Compiled:
        node, negative = self.compile(tree.a, field, depth)
        if negative:
            # The negation of a pure negation: what it excludes is asked for.
            return (Clause(welcome=node.excluded) if isinstance(node, Nothing) else node), False
        return Nothing((node,)), True

    def _and(self, tree: Tree, field: str, depth: int) -> _Compiled:
        required: list[Node] = []
        excluded: list[Node] = []
        for child in tree.operands:
            node, negative = self.compile(child, field, depth)
            if negative and isinstance(node, Nothing):
                excluded += node.excluded
            else:
                required.append(node)
        if not required:
            return Nothing(tuple(excluded)), True
        return Clause(required=tuple(required), excluded=tuple(excluded)), False

    def _or(self, tree: Tree, field: str, depth: int) -> _Compiled:
        required: list[Node] = []
        welcome: list[Node] = []
        excluded: list[Node] = []
        for child in tree.operands:
            node, negative = self.compile(child, field, depth)
            kind = type(child).__name__
            if negative and isinstance(node, Nothing):
                if kind not in {"Not", "Prohibit"}:
                    raise QueryError(
                        "This side of an OR only says what must not be there",
                        position=self.place(child),
                        remedy="add a word that must be there, or use AND NOT",
                    )
                excluded += node.excluded
            elif kind == "Plus":
                required.append(node)
            else:
                welcome.append(node)
        if not required and not welcome:
            return Nothing(tuple(excluded)), True
        return Clause(tuple(required), tuple(welcome), tuple(excluded)), False

    def _field(self, tree: Tree, field: str, depth: int) -> _Compiled:
        name = tree.name.casefold()
        position = self.place(tree)
        if field:
            raise QueryError(f"{name}: inside {field}:", position=position, remedy="give one field at a time")
        return self.compile(tree.expr, name, depth)

    def _word(self, tree: Tree, field: str, _depth: int) -> _Compiled:
        position = self.place(tree)
        if field == "followers":
            number = _number(tree.value, position)
            return Followers(number, number), False
        if field in FIELDS and field not in _SCOPES:
            return field_value(field, _unescape(tree.value), position), False
        if tree.value in _LOWER_OPERATORS:
            raise QueryError(
                f"The operator {tree.value.upper()} is written in capitals",
                position=position,
                remedy=f'write {tree.value.upper()}, or "{tree.value}" in quotes if you mean the word',
            )
        return self._words(tree.value, field, position, self._plain), False

    def _phrase(self, tree: Tree, field: str, _depth: int) -> _Compiled:
        position = self.place(tree)
        if field == "followers":
            return Followers(*[_number(tree.value[1:-1], position)] * 2), False
        if field in FIELDS and field not in _SCOPES:
            return field_value(field, _unescape(tree.value[1:-1]), position), False
        return self._words(_in_phrase(tree.value, position), field, position, _exact), False

    def _proximity(self, tree: Tree, field: str, depth: int) -> _Compiled:
        if not 0 <= tree.degree <= _LARGEST_SLOP:
            raise QueryError(
                f"~{tree.degree} is too far", position=self.place(tree), remedy=f"use at most ~{_LARGEST_SLOP}"
            )
        node, negative = self.compile(tree.term, field, depth)
        if isinstance(node, Sequence):
            return Sequence(node.tests, node.scope, tree.degree), negative
        if isinstance(node, Term):
            raise QueryError(
                "~ after a phrase of one word", position=self.place(tree), remedy="take the quotes away: word~1"
            )
        raise QueryError("~ with a field", position=self.place(tree), remedy="use it with words of text")

    def _fuzzy(self, tree: Tree, field: str, _depth: int) -> _Compiled:
        position = self.place(tree)
        if field and field not in _SCOPES:
            raise QueryError("~ with a field", position=position, remedy="use a wildcard: author:auror*")
        if not tree._implicit_degree and tree.degree != 1:  # noqa: SLF001  # luqum keeps "no number" only there
            raise QueryError(
                f"~{tree.degree} on a word",
                position=position,
                remedy="use ~1 (one letter wrong); more finds other words",
            )
        words = WORD.findall(fold(compose(_unescape(tree.term.value))))
        if len(words) != 1 or len(words[0]) < _SHORTEST_ALMOST:
            raise QueryError(
                "~1 needs one word of five letters or more", position=position, remedy="write the spellings with OR"
            )
        return Term(Almost(words[0]), _SCOPES.get(field, _ANYWHERE)), False

    def _range(self, tree: Tree, field: str, _depth: int) -> _Compiled:
        self._only_followers(tree, field)
        low = self._bound(tree.low)
        high = self._bound(tree.high)
        if low is not None and not tree.include_low:
            low += 1
        if high is not None and not tree.include_high:
            high -= 1
        if low is not None and high is not None and low > high:
            raise QueryError("The range is empty", position=self.place(tree), remedy="write the smaller number first")
        return Followers(low, high), False

    def _comparison(self, tree: Tree, field: str, _depth: int) -> _Compiled:
        self._only_followers(tree, field)
        number = _number(tree.a.value, self.place(tree.a))
        if type(tree).__name__ == "From":
            return Followers(number if tree.include else number + 1, None), False
        return Followers(None, number if tree.include else number - 1), False

    def _only_followers(self, tree: Tree, field: str) -> None:
        if field != "followers":
            raise QueryError(
                "A range or comparison without a number field",
                position=self.place(tree),
                remedy="use it with followers: as in followers:>=1000",
            )

    def _bound(self, tree: Tree) -> int | None:
        value = getattr(tree, "value", "-")
        return None if value == "*" else _number(value, self.place(tree))

    def _words(self, raw: str, field: str, position: int, test_of: Callable[[str, int], WordTest]) -> Node:
        """One word, or words that stand side by side (T-Mobile, booking.com)."""
        tests = tuple(test_of(part, position) for part in _parts(raw))
        if not tests:
            raise QueryError(
                "There is no letter or digit to look for", position=position, remedy="write a word instead of signs"
            )
        scope = _SCOPES.get(field, _ANYWHERE)
        return Term(tests[0], scope) if len(tests) == 1 else Sequence(tests, scope)

    def _plain(self, part: str, position: int) -> WordTest:
        if part[0] in "@#$":
            if not {"*", "?"}.isdisjoint(part):
                raise QueryError(
                    f"A wildcard in {part}", position=position, remedy="leave the sign away: auror* finds #aurora too"
                )
            return Name.of(part)
        if {"*", "?"}.isdisjoint(part):
            return Forms.of(part)
        if part[0] in "*?" or len(re.split(r"[*?]", part)[0]) < _SHORTEST_WILDCARD:
            raise QueryError(
                f"The wildcard {part} is too broad",
                position=position,
                remedy=f"begin with at least {_SHORTEST_WILDCARD} letters: auror*",
            )
        if len(re.findall(r"\*+", part)) > _MOST_STARS:
            raise QueryError(
                f"Too many * in {part}", position=position, remedy=f"use at most {_MOST_STARS} in one word"
            )
        return Wildcard(part)


def _exact(part: str, _position: int) -> WordTest:
    return Name.of(part) if part[0] in "@#$" else Exact(part)


def _parts(raw: str) -> Iterator[str]:
    """Fold a query's word and split it as a post's text is split; wildcards stay letters of their word."""
    pieces = re.split(r"([*?])", _unescape(raw))
    folded = "".join(piece if piece in {"*", "?"} else fold(compose(piece)) for piece in pieces)
    at = 0
    for found in re.finditer(r"(?:[^\W_]|[*?])+", folded):
        if found.start() < at:
            continue
        name = NAME.match(folded, found.start() - 1) if found.start() else None
        if name and WORD.search(name.group()):
            at = name.end()
            rest = re.compile(r"[*?]+").match(folded, at)
            yield name.group() + (rest.group() if rest else "")
        elif WORD.search(found.group()) or found.group()[0] in "*?":
            yield found.group()


def _unescape(value: str) -> str:
    """Drop the backslashes; an escaped wildcard becomes a plain sign, which separates words."""
    return re.sub(r"\\(.)", lambda found: _LITERAL.get(found.group(1), found.group(1)), value, flags=re.DOTALL)


def _in_phrase(quoted: str, position: int) -> str:
    inner = quoted[1:-1]
    star = re.search(r"(?<!\\)(?:\\\\)*\*", inner)
    if star:
        raise QueryError(
            "* inside quotes is no wildcard",
            position=position + 1 + star.start(),
            remedy="write the word without quotes, or \\* for the sign",
        )
    return inner.replace("?", " ")


def _number(value: str, position: int) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise QueryError(f"{value!r} is no number", position=position, remedy="write digits only: followers:>1000")
    return int(value)
