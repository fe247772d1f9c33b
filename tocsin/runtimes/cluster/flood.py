"""Notices that a topic brings nothing but poison, before all of it is drained into dead letters."""

from collections import deque
from collections.abc import Iterable

REFUSAL_LIMIT = 1000
"""Messages refused in a row, or refused among the latest, that are a flood."""
LATEST = 2000


class FloodGuard:
    """Counts what `verb` refused. Once it has seen a flood it says so for good: a person has to look first."""

    def __init__(self, verb: str = "process", *, limit: int = REFUSAL_LIMIT, latest: int = LATEST) -> None:
        self.seen = ""
        self._verb = verb
        self._limit = limit
        self._in_a_row = 0
        self._latest: deque[bool] = deque(maxlen=latest)

    def note(self, refused: Iterable[bool]) -> None:
        """Take in, for messages in their order, whether each was refused. `seen` is a sentence from a flood on."""
        for one in refused:
            self._in_a_row = self._in_a_row + 1 if one else 0
            self._latest.append(one)
            if self._in_a_row >= self._limit:
                self._say(f"{self._in_a_row:,} messages in a row could not be processed")
        bad = sum(self._latest)
        if bad >= self._limit and 2 * bad > len(self._latest):
            self._say(f"{bad:,} of the latest {len(self._latest):,} messages could not be processed")

    def _say(self, what: str) -> None:
        remedy = f"see `tocsin dead-letters list`, correct what sends them, then start `tocsin {self._verb}` again"
        self.seen = self.seen or f"held: {what}: {remedy}"
