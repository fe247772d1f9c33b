"""The look before the parse: what people type, made what luqum reads, and the mistakes worth a sentence of their own.

luqum knows no `&&`, `||` and `!`, and its errors name grammar symbols. Here the operators are spelled out, quotes of
phones and of word processors become plain ones, and brackets, quotes and operators are checked, each with its place.
"""

import re

from msgspec import Struct

from domain.errors import QueryError
from domain.query.fields import FIELDS

LONGEST_QUERY = 10_000
DEEPEST = 40
_CLOSERS = {'"': '"', "“": '”“"', "„": '“”"', "«": "»"}
_BINARY = {"AND", "OR", "&&", "||"}
_PREFIX = {"NOT", "!", "+", "-"}
_TERM = re.compile(r'(?:\\.|[^\s()\[\]{}"“„«»”:~^\\])+', re.DOTALL)
_NUMBER = re.compile(r"[0-9.]*")


class Prepared(Struct, frozen=True):
    """A query for luqum, and for each of its characters (and one past the end) the place it was typed at."""

    text: str
    origin: list[int]


class _Scanner:
    """Goes once over the query, left to right."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.out: list[str] = []
        self.origin: list[int] = []
        self.at = 0
        self.open: list[int] = []
        # The operators that still wait for something on their right, and whether something stands on their left.
        self.waiting: tuple[str, int] | None = None
        self.complete = False

    def emit(self, text: str, length: int) -> None:
        """Write `text` for the next `length` characters."""
        self.out.append(text)
        self.origin += [self.at + min(number, length - 1) for number in range(len(text))]
        self.at += length

    def scan(self) -> Prepared:
        while self.at < len(self.query):
            self._step(self.query[self.at])
        self._refuse_waiting()
        if self.open:
            raise QueryError(
                "A bracket is not closed", position=self.open[-1], remedy="add ) at its end, or take it away"
            )
        return Prepared("".join(self.out), [*self.origin, len(self.query)])

    def _step(self, letter: str) -> None:
        if letter.isspace():
            self.emit(" ", 1)
        elif letter in _CLOSERS:
            self._phrase(letter)
        elif letter in "”»":
            raise QueryError(
                "A closing quote without its opening one", position=self.at, remedy='put " before the phrase'
            )
        elif letter == "(":
            self._deeper()
        elif letter == ")":
            self._close()
        elif letter in "[{":
            self._range()
        elif letter in "]}":
            raise QueryError(f"A {letter} without its opening one", position=self.at, remedy="write [100 TO 200]")
        elif letter in "~^":
            self._degree(letter)
        elif letter == ":":
            raise QueryError("A : without a field", position=self.at, remedy="write \\: for the character itself")
        else:
            self._word()

    def _phrase(self, opening: str) -> None:
        end = self.at + 1
        while end < len(self.query) and self.query[end] not in _CLOSERS[opening]:
            end += 2 if self.query[end] == "\\" else 1
        if end >= len(self.query):
            raise QueryError("A quote is not closed", position=self.at, remedy='add " at the end of the phrase')
        inner = self.query[self.at + 1 : end]
        self.emit('"', 1)
        # A quote of another kind inside would end luqum's phrase; it separates words like any punctuation.
        if inner:
            self.emit(re.sub(r'(?<!\\)"', " ", inner), len(inner))
        self.emit('"', 1)
        self._has_operand()

    def _deeper(self) -> None:
        self.open.append(self.at)
        if len(self.open) > DEEPEST:
            raise QueryError("Brackets are nested too deep", position=self.at, remedy=f"use at most {DEEPEST} levels")
        self.emit("(", 1)
        self.waiting, self.complete = None, False

    def _close(self) -> None:
        if not self.open:
            raise QueryError("A ) without its (", position=self.at, remedy="add ( before it, or take it away")
        self._refuse_waiting()
        if not self.complete:
            raise QueryError("Empty brackets", position=self.open[-1], remedy="put a word between them")
        self.open.pop()
        self.emit(")", 1)
        self._has_operand()

    def _range(self) -> None:
        found = re.compile(r"[\[{]\s*([^\s\[\]{}]+)\s+TO\s+([^\s\[\]{}]+)\s*[\]}]").match(self.query, self.at)
        if not found:
            raise QueryError("A range cannot be read", position=self.at, remedy="write followers:[100 TO 200]")
        self.emit(found.group(), len(found.group()))
        self._has_operand()

    def _degree(self, sign: str) -> None:
        previous = self.query[self.at - 1] if self.at else " "
        if previous.isspace() or previous == "(" or (sign == "~" and previous == ")"):
            raise QueryError(
                f"A {sign} with nothing before it",
                position=self.at,
                remedy='put it right after a word (term~1) or a phrase ("late flight"~3)',
            )
        number = _NUMBER.match(self.query, self.at + 1)
        digits = number.group() if number else ""
        if digits.count(".") > 1 or digits == "." or (sign == "~" and "." in digits) or (sign == "^" and not digits):
            raise QueryError(
                f"{sign}{digits} is no number", position=self.at, remedy='write a whole number: "late flight"~3'
            )
        after = self.at + 1 + len(digits)
        if self.query[after : after + 1].isalnum():
            raise QueryError(
                f"{sign} takes a number", position=after, remedy='write a whole number and a space: "late flight"~3'
            )
        self.emit(sign + digits, 1 + len(digits))

    def _word(self) -> None:
        letter = self.query[self.at]
        if letter == "/" and self.query.find("/", self.at + 1) > 0:
            raise QueryError(
                "Regular expressions are not supported",
                position=self.at,
                remedy="use wildcards (auror*, a?rora), almost-spelling (aurora~1), or write \\/ for the character",
            )
        if letter == "\\" and self.at + 1 == len(self.query):
            raise QueryError("A \\ at the end", position=self.at, remedy="take it away")
        if letter == "'":
            raise QueryError("A word begins with '", position=self.at, remedy='use double quotes: "aurora air"')
        if letter in "+-!" or self.query.startswith(("&&", "||"), self.at):
            self._operator(letter if letter in "+-!" else letter * 2)
            return
        found = _TERM.match(self.query, self.at)
        term = re.split(r"&&|\|\|", found.group())[0] if found else letter
        if term in _BINARY | _PREFIX:
            self._operator(term)
            return
        if term[0] in "<>" and (not self.out or not self.out[-1].endswith(":")):
            raise QueryError(f"A {term[0]} without a field", position=self.at, remedy="write followers:>1000")
        start = self.at
        self.emit("\\" + term if term[0] == "/" else term, len(term))
        if self.query.startswith(":", self.at):
            self._field(term, start)
        else:
            self._has_operand()

    def _field(self, name: str, start: int) -> None:
        if name.casefold() not in FIELDS:
            raise QueryError(
                f"There is no field {name}:",
                position=start,
                remedy=f"use one of {', '.join(sorted(FIELDS))}, or write {name}\\: if you mean the character",
            )
        after = self.query[self.at + 1 : self.at + 2]
        if not after or after.isspace() or after in "):":
            raise QueryError(
                f"{name}: has no value",
                position=start,
                remedy=f"write the value right after it, or {name}\\: for words",
            )
        self.emit(":", 1)
        self.waiting = self.waiting or (f"{name}:", start)

    def _operator(self, operator: str) -> None:
        binary = operator in _BINARY
        if binary and (not self.complete or self.waiting):
            raise QueryError(
                f"{operator} has nothing on its left",
                position=self.at,
                remedy=f'put a word before it, or "{operator.lower()}" in quotes if you mean the word',
            )
        self.waiting = (operator, self.at)
        if not binary:
            self.complete = True
        spelled = {"&&": " AND ", "||": " OR ", "!": "-"}.get(operator, operator)
        self.emit(spelled, len(operator))

    def _has_operand(self) -> None:
        self.waiting, self.complete = None, True

    def _refuse_waiting(self) -> None:
        if self.waiting:
            operator, position = self.waiting
            raise QueryError(
                f"{operator} has nothing on its right",
                position=position,
                remedy="put a word after it, or take it away",
            )


def prepare(query: str) -> Prepared:
    """Check what can be checked without a grammar and spell the query for luqum; raises QueryError."""
    if not query.strip():
        raise QueryError("The query is empty", position=0, remedy='write a word or a phrase: "aurora air" OR auror*')
    if len(query) > LONGEST_QUERY:
        raise QueryError(
            "The query is too long", position=LONGEST_QUERY, remedy=f"use at most {LONGEST_QUERY:,} characters"
        )
    return _Scanner(query).scan()
