"""Where a source of Reddit stands."""

from datetime import datetime

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest import relook
from ingest.cursors import write_cursor
from ingest.recent import Recent, deletion, horizon, news, remembered
from ingest.reddit.parse import Found
from ingest.source import Page

MOST_REMEMBERED = 2_000
MOST_REFUSED = 500
OVERLAP = 600
"""Seconds that a look goes behind the newest thing of the last one: what is approved late appears among the older."""

_SHORTEST_MEMORY = 1.0
_SHORT = 12


class Walk(Struct, omit_defaults=True):
    """A look under way: `left` are listings yet to be read, the first of them after a fullname, down to `until`.

    `anchors` are the fullnames before that one, `top` is when the newest was written, `read` how many were read.
    """

    left: list[str]
    after: str = ""
    anchors: list[str] = []
    until: int = 0
    top: int = 0
    read: int = 0


class Progress(Struct, omit_defaults=True):
    """The cursor.

    `upto` is the newest thing read (unix seconds) by subreddit and query, `closed` until when a subreddit is left
    alone, `asking` are fullnames to be looked at again.
    """

    upto: dict[str, int] = {}
    closed: dict[str, int] = {}
    recent: Recent = {}
    refused: list[str] = []
    looked: list[int] = []
    asking: list[str] = []
    walk: Walk | None = None
    over: bool = False


class Turn:
    """One fetch: the progress as it changes, and what will be on its page."""

    def __init__(self, progress: Progress, now: datetime, *, memory_hours: float) -> None:
        self.at, self.now, self.unix = progress, now, int(now.timestamp())
        self.at.looked = progress.looked or relook.fresh(self.unix)
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []
        self._since = horizon(now, max(memory_hours, _SHORTEST_MEMORY))

    @property
    def found(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.records or self.letters or self.troubles)

    def take(self, things: list[Found], *, since: int, source: str) -> None:
        """Give what is news and not older than `since`, and what of the known was taken away."""
        gone = [one.name for one in things if one.name and one.record is None and one.name in self.at.recent]
        told = [one.record for one in things if one.record and (one.at >= since or one.name in self.at.recent)]
        fresh = news({record.post.native_id: record for record in told}.values(), self.at.recent)
        fresh += [deletion("reddit", name, source=source, at=self.now) for name in dict.fromkeys(gone)]
        self.records += fresh
        self.at.recent = remembered(self.at.recent, fresh, since=self._since, most=MOST_REMEMBERED)
        for letter in (one.letter for one in things if one.letter):
            if letter.id[:_SHORT] not in self.at.refused:
                self.letters.append(letter)
                self.at.refused = [*self.at.refused, letter.id[:_SHORT]][-MOST_REFUSED:]

    def page(self, *, wait: float = 0.0, exhausted: bool = False) -> Page:
        """All of it, the oldest first."""
        return Page(
            records=sorted(self.records, key=lambda record: record.post.created_at),
            dead_letters=self.letters,
            cursor=write_cursor(self.at),
            wait=wait,
            exhausted=exhausted,
            troubles=self.troubles,
        )
