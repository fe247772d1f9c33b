"""Gives dead letters another try, once what refused them was mended: a query, a rule, a stage, a receiver."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

from domain.dead_letter import DeadLetter
from domain.post import Record, id_at
from ingest.source import Rereads
from storage.store import DeadLetterRow, Store
from tocsin.runtimes.engine import Engine

Try = Callable[[], str]
"""Tries one letter again; returns why it was refused again, or nothing."""
Process = Callable[[list[Record]], str]
"""Has records processed; returns why one was refused, or nothing."""
Evidence = Callable[[DeadLetter], Sequence[Record]]
"""The versions of a letter's post that are kept, oldest first."""


class Letters(Protocol):
    """The part of a store that is needed."""

    def mark_replayed(self, dead_letter_id: str, *, at: datetime) -> None: ...  # noqa: D102  # as there
    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None: ...  # noqa: D102


@dataclass
class Replayed:
    """What became of the letters: how many went through, and why each other did not, by the letter's id."""

    through: int = 0
    refused: dict[str, str] = field(default_factory=dict)


class LetterReplay:
    """Knows where the record of a dead letter is found again, by the stage that refused it.

    A stage's letter: the stored evidence of its post goes through the whole pipeline. A receiver's: the notification
    is put back into the outbox. A source's: its raw bytes are read again where the source can read a single record.
    """

    def __init__(
        self,
        process: Process,
        letters: Letters,
        *,
        evidence: Evidence,
        sources: dict[str, Rereads],
        clock: Callable[[], datetime],
    ) -> None:
        self._process, self._letters, self._evidence = process, letters, evidence
        self._sources, self._clock = sources, clock

    def run(self, rows: Iterable[DeadLetterRow]) -> Replayed:
        """Try each letter once; those that went through are marked so and never listed as pending again."""
        replayed = Replayed()
        for row in rows:
            refusal = self._try(row.letter)()
            if refusal:
                replayed.refused[row.id] = refusal
            else:
                self._letters.mark_replayed(row.id, at=self._clock())
                replayed.through += 1
        return replayed

    def _try(self, letter: DeadLetter) -> Try:
        if letter.stage == "notify":
            return partial(self._notify, letter)
        records = self._evidence(letter)
        if records:
            return partial(self._process, list(records[-1:]))
        if letter.source in self._sources:
            return partial(self._reread, letter)
        return lambda: "its record is not kept any more and its source cannot read a single one: bring it in again"

    def _notify(self, letter: DeadLetter) -> str:
        self._letters.mark_retry(letter.where, next_at=self._clock(), error="")
        return ""

    def _reread(self, letter: DeadLetter) -> str:
        read = self._sources[letter.source].reread(letter)
        return self._process([read]) if isinstance(read, Record) else read.detail


def through_engine(
    engine: Engine, store: Store, *, sources: dict[str, Rereads], clock: Callable[[], datetime]
) -> LetterReplay:
    """The replay of one process: its store keeps the evidence, its engine processes."""

    def process(records: list[Record]) -> str:
        refusal = ""
        for commit in engine.process(records, [], {}, again=True):
            letters, commit.dead_letters = commit.dead_letters, []
            refusal = letters[0].detail if letters else refusal
            store.commit(commit)
        return refusal

    return LetterReplay(
        process, store, evidence=lambda letter: store.evidence(id_at(letter.where)), sources=sources, clock=clock
    )
