"""Labelled JSON lines from files: texts, what people say of them, and the complaint about what cannot be read."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from domain.judgement import SENTIMENTS, THEMES, URGENCIES, Judgeable
from tocsin.cli.judging import language_of
from tocsin.cli.lines import BadLine, Line, batches, complain, fields, text_field

if TYPE_CHECKING:
    from models.language import LanguageDetector

Group = Literal["lang", "network", "brand", "source"]

BATCH = 1024
"""Texts judged in one call: enough to sort by length."""

_LABELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("sentiment", SENTIMENTS),
    ("urgency", URGENCIES),
    ("theme", THEMES),
)
_TASK_OF = {label: task for task, labels in _LABELS for label in labels}
"""No two tasks share a word, so a plain `label` says by itself which task it is of."""


class Labelled(NamedTuple):
    """A text and its true labels by task (none of them: nobody labelled it), and the group it is counted in."""

    asked: Judgeable
    labels: dict[str, str]
    group: str


class LabelledFiles:
    """Reads labelled texts of several files, `-` being stdin. `bad` counts lines and labels that were left out."""

    def __init__(self, files: tuple[Path, ...], detector: "LanguageDetector", *, by: Group) -> None:
        self._files, self._detector, self._by = files, detector, by
        self.bad = 0

    def batches(self) -> Iterator[list[Labelled]]:
        """Up to BATCH texts at a time; what cannot be read is named on stderr, with file and line."""
        waiting: list[Labelled] = []
        for file in self._files:
            for line in self._lines(file):
                read = self._read(file, line)
                waiting += [read] if read else []
                if len(waiting) == BATCH:
                    yield waiting
                    waiting = []
        if waiting:
            yield waiting

    def _lines(self, file: Path) -> Iterator[Line]:
        from ingest.records.row import Unreadable
        from ingest.records.streams import ByteStream

        if str(file) == "-":
            for batch in batches(sys.stdin.buffer):
                yield from batch
            return
        stream, last = ByteStream(file), Line(0, b"")
        try:
            for batch in batches(stream):
                yield from batch
                last = batch[-1]
        except Unreadable as broken:
            self._complain(file, last, broken)
        finally:
            stream.close()

    def _read(self, file: Path, line: Line) -> Labelled | None:
        try:
            found = fields(line)
            text, brand = text_field(found, "text"), text_field(found, "brand", "")
            written = text_field(found, "lang", "")
            group = text_field(found, self._by, "")
        except BadLine as error:
            self._complain(file, line, error)
            return None
        lang = language_of(text, written, self._detector)
        labels: dict[str, str] = {}
        for read in _READERS:
            try:
                labels |= read(found)
            except BadLine as error:
                self._complain(file, line, error)
        return Labelled(Judgeable(text, brand, lang), labels, lang if self._by == "lang" else group or "–")

    def _complain(self, file: Path, line: Line, error: Exception) -> None:
        complain(line, error, file=str(file))
        self.bad += 1


def _plain(found: dict[str, msgspec.Raw]) -> dict[str, str]:
    label = text_field(found, "label", "")
    if label and label not in _TASK_OF:
        raise BadLine(f'"{label}" is no label of sentiment, urgency or theme')
    return {_TASK_OF[label]: label} if label else {}


def _named(task: str, known: tuple[str, ...], found: dict[str, msgspec.Raw]) -> dict[str, str]:
    label = text_field(found, task, "")
    if label and label not in known:
        raise BadLine(f'"{label}" is no {task}; known are {", ".join(known)}')
    return {task: label} if label else {}


def _toxic(found: dict[str, msgspec.Raw]) -> dict[str, str]:
    written = bytes(found.get("toxic", b"null"))
    if written == b"null":
        return {}
    if written not in {b"true", b"false"}:
        raise BadLine('the field "toxic" must be true or false')
    return {"toxicity": "toxic" if written == b"true" else "civil"}


_READERS: tuple[Callable[[dict[str, msgspec.Raw]], dict[str, str]], ...] = (
    _plain,
    *(partial(_named, task, known) for task, known in _LABELS),
    _toxic,
)
"""One a field, so that a label that cannot be read takes no other with it; the later one wins."""
