"""A compiled brand query."""

from msgspec import Struct

from domain.query.anchor import Anchors
from domain.query.compile import compile_tree
from domain.query.document import Document
from domain.query.index import Expression, fts5
from domain.query.nodes import Node


class Query(Struct, frozen=True, gc=False):
    """An immutable query; `text` is what was typed."""

    text: str
    _root: Node

    def match(self, document: Document) -> tuple[str, ...] | None:
        """Return the terms found, spelled as in the post, in order of appearance; None when it does not match."""
        found = self._root.find(document)
        return None if found is None else document.surfaces(found)

    def anchors(self) -> Anchors:
        """Literals and field values of which one must be there; None when nothing is sure."""
        return self._root.anchors()

    def narrowing(self) -> Expression | None:
        """What to ask a full-text index over `terms`: it finds at least what the query finds. None: cannot narrow."""
        return self._root.narrowing()

    def index_query(self) -> str | None:
        """The same, spelled for SQLite FTS5."""
        expression = self.narrowing()
        return None if expression is None else fts5(expression)


def compile_query(text: str) -> Query:
    """Compile Lucene `query_string` syntax; raises QueryError with the character's position and a remedy."""
    return Query(text, compile_tree(text))
