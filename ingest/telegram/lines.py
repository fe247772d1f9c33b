"""How far each channel is read: the cursor of the sources that read channels, and what is to be done next."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from domain.post import Record
from ingest import relook
from ingest.recent import Recent, horizon, remembered
from ingest.telegram.mtproto import Place, Raw
from ingest.telegram.tl import number_of, replies_of, root_of, threads_begun
from ingest.telegram.words import channel_id, native_id

REMEMBERED = 2_000
"""Posts and comments of all channels together that are looked at again."""
DESCRIBED = 86_400
"""Seconds after which it is asked again how many are in a channel."""

_FEWEST = 20
_MOST_ROOTS = 300

Chore = Literal["find", "describe", "comments", "again", "look", "relook"]


class Thread(Struct, frozen=True, array_like=True):
    """The comments under a post: read up to number `last`; Telegram counted `count` when it was seen last."""

    last: int = 0
    count: int = 0
    due: bool = False


class Line(Struct, frozen=True, omit_defaults=True):
    """One channel or group. Times are unix seconds.

    `place` was described at `described`; messages are read up to number `last`, and before the first from `since` on;
    the next look is at `next`. `looked` is when each step of looking again was taken, `again` what it has left to do.
    `threads` are by the number of their post, `roots` lead from a thread's first message in its group to that post.
    """

    place: Place | None = None
    described: int = 0
    since: int = 0
    last: int = 0
    next: int = 0
    looked: list[int] = []
    recent: Recent = {}
    again: list[str] = []
    threads: dict[str, Thread] = {}
    roots: dict[str, int] = {}


def chore(line: Line, now: int, *, refresh_hours: float) -> Chore | None:
    """What is to be done next; None when nothing is due."""
    if line.place is None:
        return "find"
    if now - line.described >= DESCRIBED:
        return "describe"
    if any(thread.due for thread in line.threads.values()):
        return "comments"
    if line.again:
        return "again"
    if line.next <= now:
        return "look"
    return "relook" if line.recent and relook.due(line.looked, now, most=refresh_hours) else None


def begun(line: Line, place: Place, now: int, *, backlog_hours: float) -> Line:
    """A line whose place was found."""
    since = line.since or now - int(backlog_hours * 3_600)
    return replace(line, place=place, since=since, looked=line.looked or relook.fresh(now))


def relooked(line: Line, now: int, *, refresh_hours: float) -> Line:
    """A line that has what is due to look at again before it, and has done so when that is empty."""
    hours = relook.due(line.looked, now, most=refresh_hours)
    since = now - int(hours * 3_600)
    again = [name for name, one in line.recent.items() if one.at >= since]
    return replace(line, again=again, looked=relook.done(line.looked, now, hours, most=refresh_hours))


def taken(line: Line, records: Iterable[Record], now: datetime, *, refresh_hours: float, channels: int) -> Line:
    """A line after these records were given."""
    since = horizon(now, refresh_hours)
    most = max(REMEMBERED // max(channels, 1), _FEWEST)
    return replace(line, recent=remembered(line.recent, records, since=since, most=most))


def noticed(line: Line, raws: Iterable[Raw], *, comments: bool) -> Line:
    """A line after these messages of the place itself were seen: which threads begin, which have news."""
    place = line.place
    if place is None:
        return line
    roots, threads = dict(line.roots), dict(line.threads)
    for raw in raws:
        mirror, post = threads_begun(raw)
        if mirror:
            roots[str(mirror)] = post
        number, count = number_of(raw), replies_of(raw)
        known = threads.get(str(number), Thread())
        if comments and place.broadcast and count != known.count and number:
            threads[str(number)] = replace(known, count=count, due=count > 0)
    return replace(line, roots=_latest(roots), threads=threads)


def commented(line: Line, post: int, raws: list[Raw], *, whole: bool) -> Line:
    """A line after these comments under a post were read; `whole` when there are no more for now."""
    known = line.threads.get(str(post), Thread())
    last = max([known.last, *(number_of(raw) for raw in raws)])
    roots = {str(root): post for raw in raws if (root := root_of(raw))}
    threads = {**line.threads, str(post): replace(known, last=last, due=not whole)}
    return replace(line, threads=threads, roots=_latest({**line.roots, **roots}))


def forgotten(line: Line) -> Line:
    """A line without the threads of posts that are not looked at any more."""
    if line.place is None:
        return line
    here = channel_id(line.place.id)
    threads = {
        post: one for post, one in line.threads.items() if one.due or native_id(here, int(post)) in line.recent
    }
    return replace(line, threads=threads)


def _latest(roots: dict[str, int]) -> dict[str, int]:
    return dict(sorted(roots.items(), key=lambda one: -int(one[0]))[:_MOST_ROOTS])
