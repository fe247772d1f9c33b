"""Lucene's grammar, as luqum has it, without what its parser generator leaves beside the installed package."""

from functools import cache, partial
from typing import Any

Tree = Any
"""A node of luqum's tree; luqum ships no types."""


def parse(text: str) -> Tree:
    """Parse a prepared query; raises luqum.exceptions.ParseError. Safe to call from several threads."""
    _generate()
    from luqum.thread import parse as parse_in_thread

    return parse_in_thread(text)


@cache
def _generate() -> None:
    """Build the parser in memory.

    By itself ply writes its tables and a report into site-packages, which may not be writable, and tells every user
    of the grammar's harmless conflicts. Building takes 80 ms.
    """
    from ply import yacc

    build = yacc.yacc
    yacc.yacc = partial(build, debug=False, write_tables=False, errorlog=yacc.NullLogger())
    try:
        import luqum.parser  # noqa: F401  # builds the parser
    finally:
        yacc.yacc = build
