"""The comments under a post: what of an answer is new, and which calls must follow so that none is missed.

They are read newest first. New answers in an old thread show in the count of all comments only, so that as long as
fewer unseen ones were found than that count promises, older pages are read on.
"""

from typing import Any

from domain.dead_letter import DeadLetter
from ingest.vk.answers import Glimpse, Listing, glimpse
from ingest.vk.api import Call
from ingest.vk.orders import Closed, NoSuch
from ingest.vk.parse import comment_id, post_id, read_comment
from ingest.vk.people import FIELDS, People
from ingest.vk.progress import Job, Progress, Talk, Wall, due_again
from ingest.vk.turn import Turn

MOST_WHOLE = 1_000
"""Comments under a post that are all looked at again for edits and deletions."""
MOST_DEEP = 10_000
"""How many comments under one post are read at most."""
OVERLAP = 5
"""How many of a page are asked for again with the next: what is deleted meanwhile pulls later ones up."""

CLOSED_AGAIN = 86_400
"""Seconds until comments that were not shown to us are asked for again."""

_THREAD_ITEMS = 10
_CLOSED = -1


def comments_call(job: Job, most: int) -> Call:
    """Ask for comments, or for those of one thread."""
    params: dict[str, Any] = {
        "owner_id": job.owner, "post_id": job.post, "need_likes": 1, "offset": job.offset, "count": most,
        "sort": "desc", "preview_length": 0, "extended": 1, "fields": FIELDS,
    }  # fmt: skip
    if job.ask == "thread":
        return Call("wall.getComments", params | {"comment_id": job.comment})
    return Call("wall.getComments", params | {"thread_items_count": _THREAD_ITEMS})


def listen(turn: Turn, *, of: str, owner: int, post: Glimpse, looked: int) -> Job | None:
    """The call for the comments of a post that VK shows, if there is reason for one; `looked` is the look before."""
    shown, key = post.comment_count, post_id(owner, post.id)
    talk = turn.progress.talks.get(key)
    if talk is not None:
        talk.at = turn.now
    if shown is None or (not shown and talk is None):
        return None
    job = Job("comments", of, owner=owner, post=post.id, shown=shown, want=shown)
    if talk is not None:
        again = talk.count > 0 and due_again(max(post.date, talk.news), looked, turn.now)
        closed = talk.count < 0 and turn.now - talk.news < CLOSED_AGAIN
        if closed or (shown == talk.count and not again):
            return None
        job.want = max(shown - max(talk.count, 0), 0)
        job.whole = (again or shown < talk.count) and max(shown, talk.count) <= MOST_WHOLE
        job.left = _remembered(turn.progress, key) if job.whole else []
    return None if any(one.chain == job.chain for one in turn.progress.jobs) else job


class Comments:
    """An answer with comments. What is found is written down in the job of the whole chain."""

    def __init__(
        self, job: Job, listing: Listing, *, wall: Wall, people: People, turn: Turn, site: str
    ) -> None:  # fmt: skip
        self._job, self._wall, self._people, self._turn, self._site = job, wall, people, turn, site
        chain = (one for one in turn.progress.jobs if one.chain == job.chain and one.ask != "thread")
        self._chain = next(chain, job)
        talk = turn.progress.talks.get(post_id(job.owner, job.post))
        self._first_time, self._last = talk is None, talk.last if talk else 0
        self._looks = [(bytes(raw), glimpse(bytes(raw))) for raw in listing.items]
        self._ids = [look.id for _, look in self._looks if look.id]
        there = listing.current_level_count or listing.count or 0
        self._at_the_end = not self._ids or job.offset + len(self._looks) >= there

    def take(self) -> list[Job]:
        """Give the comments that are new or changed; return the calls that follow."""
        if not self._job.unbroken(self._ids):
            return [self._job.back()]
        following = self._take_thread() if self._job.ask == "thread" else self._take_top()
        if self._ids:
            self._job.low = min([self._job.low or self._ids[0], *self._ids])
        self._job.offset += max(len(self._looks) - OVERLAP, 1)
        return following

    def _take_top(self) -> list[Job]:
        job, long_threads, fresh = self._job, list[tuple[int, bool]](), False
        for raw, look in self._looks:
            moved = self._give(raw, look)
            if look.thread is not None:
                for inner in map(bytes, look.thread.items):
                    moved |= self._give(inner, glimpse(inner))
                if look.thread.count > len(look.thread.items):
                    long_threads.append((look.id, moved))
            fresh |= moved
        short = job.found < job.want and not self._first_time
        following = [
            Job("thread", job.of, owner=job.owner, post=job.post, comment=comment, whole=job.whole)
            for comment, moved in long_threads
            if moved or job.whole or short or self._first_time
        ]
        young = any(look.date >= self._wall.since for _, look in self._looks)
        deeper = job.whole or short or (young if self._first_time else fresh)
        if self._at_the_end or not deeper or job.offset >= MOST_DEEP:
            job.ask, job.whole = "end", job.whole and self._at_the_end
        return [*following, job]

    def _take_thread(self) -> list[Job]:
        fresh = False
        for raw, look in self._looks:
            fresh |= self._give(raw, look)
        deeper = (fresh or self._job.whole) and self._job.offset < MOST_DEEP
        return [self._job] if deeper and not self._at_the_end else []

    def _give(self, raw: bytes, look: Glimpse) -> bool:
        """Give a comment if it is new or changed; returns whether it was."""
        chain, turn = self._chain, self._turn
        read = read_comment(
            raw, self._people, source=turn.source, at=turn.at, owner=chain.owner, post=chain.post, site=self._site,
            origin=turn.origin,
        )  # fmt: skip
        native_id = comment_id(chain.owner, chain.post, look.id)
        unseen = look.id > self._last and native_id not in turn.progress.recent
        chain.found += unseen
        chain.news = max(chain.news, min(look.date, turn.now))
        if not isinstance(read, DeadLetter):
            chain.top = max(chain.top, look.id)
        if look.id in chain.left:
            chain.left.remove(look.id)
        young = look.date >= self._wall.since or not look.date
        return turn.offer(read, native_id, new=young and (unseen or not look.id), counters=True)


def settle(turn: Turn) -> None:
    """End the talks whose calls were all made: remember how far they were heard, and give what has gone."""
    for job in [one for one in turn.progress.jobs if one.ask == "end"]:
        if any(one.chain == job.chain and one is not job for one in turn.progress.jobs):
            continue
        turn.replace(job)
        key = post_id(job.owner, job.post)
        before = turn.progress.talks.get(key, Talk(turn.now))
        news = max(before.news, job.news)
        turn.progress.talks[key] = Talk(turn.now, news, job.shown, max(before.last, job.top))
        if job.whole:
            for comment in job.left:
                turn.lose(comment_id(job.owner, job.post, comment))


def drop_comments(job: Job, error: Closed | NoSuch, turn: Turn) -> None:
    """Go on without a thread; without the comments under a post for a day, where VK shows none of them to us."""
    progress, key = turn.progress, post_id(job.owner, job.post)
    if job.ask == "thread":
        for one in progress.jobs:
            one.whole = one.whole and one.chain != job.chain
        return
    if isinstance(error, NoSuch):
        turn.refuse_job(job, key, f"vk_{error.code}", str(error))
    progress.jobs[:] = [one for one in progress.jobs if one.chain != job.chain]
    before = progress.talks.get(key, Talk(turn.now))
    progress.talks[key] = Talk(turn.now, news=turn.now, count=_CLOSED, last=before.last)


def _remembered(progress: Progress, key: str) -> list[int]:
    """The comments under a post that are remembered, by number."""
    return [int(name.rpartition("_r")[2]) for name in progress.recent if name.startswith(f"{key}_r")]
