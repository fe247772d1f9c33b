"""Listings that are read from the newest back, again and again: how far, and what of them is still unknown.

What is listed late (held back, approved, stale) is found as long as it is younger than what is remembered.
"""

from collections.abc import Mapping

from msgspec import Struct

from domain.dead_letter import DeadLetter
from ingest.recent import Recent, Seen

OVERLAP = 3_600
"""Seconds before the last reading that are read again."""

_LETTER = "?"
_SHORT = 16


class StaleToken(Exception):
    """The network does not know the place any more where a reading was to go on: it begins anew."""


class Reading(Struct, frozen=True, omit_defaults=True):
    """One reading on its way. All times are unix seconds.

    It began at `began`, goes on at `token`, is over where something older than `stop` is listed last on a page, and
    gives nothing that is older than `since`. `etag` is that of its first page.
    """

    began: int
    stop: int
    since: int
    token: str = ""
    etag: str = ""


def begin(now: int, *, start: int, done: int, keep: int, recent: Mapping[str, Seen], most: int) -> Reading:
    """Begin a reading: back to `start` the first time, later to where the last one (at `done`) began.

    `recent` is what is known of what was written since `keep`, or of the latest `most` of that.
    """
    if not done:
        return Reading(began=now, stop=start, since=start)
    stop = max(done - OVERLAP, start)
    known_from = max(keep, min(one.at for one in recent.values())) if len(recent) >= most else keep
    return Reading(began=now, stop=stop, since=max(start, min(stop, known_from)))


def unheard(letters: list[DeadLetter], recent: Recent, now: int) -> list[DeadLetter]:
    """Those dead letters that were not given before; `recent` remembers them from now on."""
    fresh = [letter for letter in letters if _LETTER + letter.id[:_SHORT] not in recent]
    recent.update({_LETTER + letter.id[:_SHORT]: Seen(now, "", "") for letter in fresh})
    return fresh


def is_letter(key: str) -> bool:
    """Whether a key of `recent` stands for a dead letter."""
    return key.startswith(_LETTER)
