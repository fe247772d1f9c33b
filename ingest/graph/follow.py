"""Looks at pages or accounts again and again: their posts, then the comments of those where something moved.

A place is read in rounds: its lists from the newest on, quickly until nothing is unknown, and twice an hour back to
the end of the window, for counters, edits and deletions. The comments of a post are read when their number changed,
and again while they are young, the less often the older they are. What is no longer where it was seen is asked for by
its id before it is called deleted.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.errors import SourceError, SourceMisconfigured, SourceStopped
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.graph.answers import NotAllowed, ObjectGone
from ingest.graph.api import Graph, Named, segment
from ingest.graph.batch import Batch
from ingest.graph.progress import MOST_POSTS, Followed, Progress, Stand, Thread
from ingest.graph.tokens import TokenWatch
from ingest.graph.wall import Edge, Found, Place, Reading, Wall
from ingest.recent import deletion
from ingest.source import Page

log = structlog.get_logger("tocsin.graph")

CALLS = 20
"""Calls that one fetch makes at most before it returns, be it with nothing."""
FULL_ROUND = 1_800
"""Seconds between rounds that go back to the end of the window."""
NOT_DOUBTED = 1 << 40
"""The round in which a post was seen that is there and in no list: it is not asked for again."""

_YOUNGEST_LOOK, _OLDEST_LOOK, _SHARE_OF_AGE = 600, 21_600, 10
_BAD_SECONDS = 3_600.0
_MET_AGAIN = timedelta(days=1)
_OVERLAP = 3_600
_MOST_DOUBTS = 100


class Settings(Struct, frozen=True, kw_only=True):
    """What the source was told: whom to look at, and how often and how far back."""

    source: str
    targets: tuple[str, ...]
    every: float
    backlog_hours: float
    refresh_hours: float
    follow_days: float


class _Bad(Struct, frozen=True):
    error: SourceError
    until: datetime


class Follower:
    """The polling half of a source: `fetch` as `ingest.source.Source` wants it."""

    def __init__(
        self, settings: Settings, wall: Wall, graph: Graph, watch: TokenWatch, *, clock: Callable[[], datetime]
    ) -> None:
        self._settings, self._wall, self._graph, self._watch, self._clock = settings, wall, graph, watch, clock
        self._met: dict[str, tuple[Place, datetime]] = {}
        self._bad: dict[str, _Bad] = {}
        self._without: dict[tuple[str, str], datetime] = {}

    async def fetch(self, cursor: bytes | None) -> Page:
        """Do what is due until something is news; an empty page means that nothing is due."""
        progress = read_cursor(cursor, Progress, source=self._settings.source)
        progress.since = progress.since or self._now() - int(self._settings.backlog_hours * 3_600)
        batch = Batch(progress)
        progress.day, sentence = await self._watch.daily(progress.day)
        batch.troubles += [sentence] if sentence else []
        for _ in range(CALLS):
            target = self._due(progress)
            if target is None or batch.holds_anything:
                break
            await self._advance(target, progress, batch)
            progress.turn = (self._settings.targets.index(target) + 1) % len(self._settings.targets)
            if self._graph.rest:
                break
        self._verdict(batch)
        batch.settle(horizon=self._horizon())
        progress.under = {name: seen for name, seen in progress.under.items() if name in progress.recent}
        return Page(
            records=batch.records,
            dead_letters=batch.letters,
            troubles=batch.troubles,
            cursor=write_cursor(progress),
            wait=self._wait(progress),
        )

    async def place(self, target: str) -> Place:
        """Say who a target is; asked for once a day."""
        known = self._met.get(target)
        if known is None or self._clock() - known[1] > _MET_AGAIN:
            known = await self._wall.meet(target), self._clock()
            self._met[target] = known
        return known[0]

    def reading(self, place: Place, edge: str) -> Reading:
        """Return the circumstances of what is read now."""
        return Reading(place=place, edge=edge, source=self._settings.source, at=self._clock())

    async def _advance(self, target: str, progress: Progress, batch: Batch) -> None:
        """Do the next thing for one target; one that cannot be read is left alone for an hour."""
        stand = progress.stands.setdefault(target, Stand())
        try:
            place = await self.place(target)
            if stand.doubts:
                await self._doubt(stand, place, progress, batch)
            elif stand.threads:
                await self._thread(stand, place, progress, batch)
            elif stand.sweeping or stand.next_at <= self._now():
                await self._sweep(target, stand, place, progress, batch)
            else:
                await self._comments(self._post_due(stand), stand, place, progress, batch)
        except (ObjectGone, NotAllowed) as error:
            self._bad[target] = _Bad(error, self._clock() + timedelta(seconds=_BAD_SECONDS))
            batch.troubles.append(f"{target}: {error}")

    async def _sweep(self, target: str, stand: Stand, place: Place, progress: Progress, batch: Batch) -> None:
        """Read one page of the list that the round is at."""
        edge = self._wall.edges[stand.edge]
        if not stand.sweeping:
            stand.sweeping, stand.sweep, stand.floor = True, stand.sweep + 1, 0
            stand.full = stand.full_at <= self._now()
        window = self._window(stand)
        found: list[Found] = []
        after = ""
        if not self._is_refused(target, edge):
            try:
                listing = await self._graph.list(
                    f"{segment(place.id)}/{edge.name}",
                    {**edge.params, **({"since": window} if edge.since else {})},
                    after=stand.after,
                    token=place.token,
                    most=edge.most,
                )
            except (ObjectGone, NotAllowed) as error:
                if not edge.optional:
                    raise
                self._without[target, edge.name] = self._clock() + _MET_AGAIN
                batch.troubles.append(f"{target}: {edge.name} cannot be read: {error}")
            else:
                after = listing.after
                reading = self.reading(place, edge.name)
                found = [self._wall.post(bytes(raw), reading) for raw in listing.data]
        unknown = [self._take_post(one, stand, progress, batch, window=window) for one in found]
        oldest = next((one.at for one in reversed(found) if one.at), window)
        if after and oldest >= window and (stand.full or any(unknown)):
            stand.after = after
            return
        if after and oldest >= window:
            stand.floor = max(stand.floor, oldest)
        stand.edge, stand.after = stand.edge + 1, ""
        if stand.edge == len(self._wall.edges):
            self._end_round(stand, window)

    def _end_round(self, stand: Stand, window: int) -> None:
        stand.edge, stand.sweeping = 0, False
        now = self._now()
        stand.next_at = now + int(self._settings.every)
        if stand.full:
            seen_to = max(window, stand.floor)
            missing = [name for name, post in stand.posts.items() if post.sweep < stand.sweep and post.at >= seen_to]
            stand.doubts = missing[:_MOST_DOUBTS]
            stand.swept, stand.full_at = now, now + FULL_ROUND
        newest = sorted(stand.posts.items(), key=lambda item: -item[1].at)
        stand.pruned = max([stand.pruned, *(post.at for _, post in newest[MOST_POSTS:])])
        stand.posts = {name: post for name, post in newest[:MOST_POSTS] if post.at >= window}

    def _take_post(self, found: Found, stand: Stand, progress: Progress, batch: Batch, *, window: int) -> bool:
        """Follow a post and give it if it is news; return whether it was unknown."""
        if isinstance(found.outcome, DeadLetter):
            batch.refuse(found.outcome)
        if not found.id or found.at < window or found.at < stand.pruned:
            return False
        post = stand.posts.get(found.id)
        unknown = post is None
        if post is None:
            post = stand.posts[found.id] = Followed(at=found.at, read=-1 if found.comments else 0)
        post.told, post.sweep = found.comments, stand.sweep
        if found.hidden:
            self._gone([found.id], progress, batch)
        elif isinstance(found.outcome, Record) and found.at >= progress.since and (unknown or self._is_young(found)):
            batch.give(found.outcome)
        return unknown

    async def _comments(self, name: str, stand: Stand, place: Place, progress: Progress, batch: Batch) -> None:
        """Read one page of the comments of a post."""
        post = stand.posts[name]
        if not post.after:
            post.full = post.read >= 0 and post.told <= post.read
            post.number, post.aim, post.top = post.number + 1, post.told, post.newest
            post.left = max(post.told - max(post.read, 0), 0)
        edge = self._wall.comments
        try:
            listing = await self._graph.list(
                f"{segment(name)}/{edge.name}", edge.params, after=post.after, token=place.token, most=edge.most
            )
        except ObjectGone:
            stand.doubts.append(name)  # a post without a list of comments looks the same as one that is gone
            post.read, post.looked, post.after = post.told, self._now(), ""
            return
        except NotAllowed as error:
            batch.troubles.append(f"the comments of one post cannot be read: {error}")
            post.read, post.looked, post.after = post.told, self._now(), ""
            return
        reading = self.reading(place, f"{edge.name} {name}")
        oldest = 0
        for raw in listing.data:
            found = self._wall.comment(bytes(raw), reading, under=name)
            oldest = found[0].at or oldest if found else oldest
            for one in found:
                self._take_comment(one, name, stand, progress, batch)
        post.after = listing.after
        # More may have been written since the number was told: the reading goes on to where the last one began.
        enough = not post.full and post.read >= 0 and post.left <= 0 and oldest <= post.newest
        if not post.after or enough or (listing.data and oldest < self._floor(post, progress)):
            self._end_reading(name, stand, progress)

    def _floor(self, post: Followed, progress: Progress) -> int:
        """The time back to which comments are read."""
        if not post.full and post.read >= 0 and self._wall.replies is not None:
            return 0  # an answer may stand under a comment of any age
        if post.read < 0:
            return progress.since
        return max(progress.since, min(post.newest, int(self._horizon().timestamp())))

    def _end_reading(self, name: str, stand: Stand, progress: Progress) -> None:
        post = stand.posts[name]
        if post.full:
            floor = self._floor(post, progress)
            missing = [
                one
                for one, (post_of, number) in progress.under.items()
                if post_of == name and number < post.number and one in progress.recent
                if progress.recent[one].at >= floor
            ]
            stand.doubts += missing[:_MOST_DOUBTS]
        post.read, post.looked, post.newest, post.after = post.aim, self._now(), post.top, ""

    def _take_comment(self, found: Found, name: str, stand: Stand, progress: Progress, batch: Batch) -> None:
        if isinstance(found.outcome, DeadLetter):
            batch.refuse(found.outcome)
        if not found.id:
            return
        post = stand.posts[name]
        known = found.id in progress.recent
        post.top = max(post.top, found.at)
        post.left -= 0 if known or found.at <= post.newest else 1
        if found.more:
            stand.threads.append(Thread(found.id, name, found.more))
        if found.hidden:
            self._gone([found.id], progress, batch)
        elif isinstance(found.outcome, Record) and found.at >= progress.since:
            unknown = found.id not in progress.recent and found.at > post.newest
            if unknown or self._is_young(found):
                batch.give(found.outcome)
                progress.under[found.id] = (name, post.number)

    async def _thread(self, stand: Stand, place: Place, progress: Progress, batch: Batch) -> None:
        """Read one page of the answers to a comment."""
        thread, edge = stand.threads[0], self._wall.replies
        stand.threads = stand.threads[1:]
        if edge is None or thread.post not in stand.posts:
            return
        try:
            listing = await self._graph.list(
                f"{segment(thread.comment)}/{edge.name}",
                edge.params,
                after=thread.after,
                token=place.token,
                most=edge.most,
            )
        except (ObjectGone, NotAllowed):
            return
        reading = self.reading(place, f"{edge.name} {thread.post} {thread.comment}")
        for raw in listing.data:
            for one in self._wall.comment(bytes(raw), reading, under=thread.post):
                self._take_comment(one, thread.post, stand, progress, batch)
        if listing.after:
            stand.threads.append(Thread(thread.comment, thread.post, listing.after))

    async def _doubt(self, stand: Stand, place: Place, progress: Progress, batch: Batch) -> None:
        """Ask for one object that was not where it should be."""
        name = stand.doubts[0]
        try:
            await self._graph.get(segment(name), {"fields": "id"}, Named, token=place.token)
        except ObjectGone:
            await self._be_seen(place)
            self._gone(_with_comments(name, progress), progress, batch)
            stand.posts.pop(name, None)
        except NotAllowed:
            log.info("what was not seen again may not be asked for", source=self._settings.source)
        stand.doubts = stand.doubts[1:]
        progress.under.pop(name, None)
        if name in stand.posts:
            stand.posts[name].sweep = NOT_DOUBTED

    async def _be_seen(self, place: Place) -> None:
        """Make sure that the place itself is there: a token that lost its sight would else make all of it deleted."""
        await self._graph.get(segment(place.id), {"fields": "id"}, Named, token=place.token)

    def _gone(self, names: list[str], progress: Progress, batch: Batch) -> None:
        """Give the deletions of what was given."""
        for name in names:
            if name in progress.recent:
                now = self._clock()
                batch.records.append(deletion(self._wall.network, name, source=self._settings.source, at=now))
            progress.recent.pop(name, None)
            progress.under.pop(name, None)

    def _post_due(self, stand: Stand) -> str:
        now = self._now()
        return next((name for name, post in stand.posts.items() if self._look_at(post, stand) <= now), "")

    def _look_at(self, post: Followed, stand: Stand) -> float:
        """When the comments of a post are to be read next."""
        if post.told < 0:
            return float("inf")
        if post.after or post.told != post.read:
            return 0.0
        if post.newest < self._horizon().timestamp() or stand.sweeping:
            return float("inf")
        rest = (self._now() - post.newest) / _SHARE_OF_AGE
        return post.looked + min(max(rest, _YOUNGEST_LOOK), _OLDEST_LOOK)

    def _due(self, progress: Progress) -> str | None:
        """The next target in turn with something to do."""
        targets = self._settings.targets
        awake = [target for target in targets[progress.turn :] + targets[: progress.turn] if not self._rests(target)]
        return next((target for target in awake if self._next_at(progress, target) <= self._now()), None)

    def _next_at(self, progress: Progress, target: str) -> float:
        stand = progress.stands.get(target, Stand())
        if stand.doubts or stand.threads or stand.sweeping:
            return 0.0
        return min([stand.next_at, *(self._look_at(post, stand) for post in stand.posts.values())])

    def _wait(self, progress: Progress) -> float:
        times = [self._next_at(progress, target) for target in self._settings.targets if not self._rests(target)]
        times += [bad.until.timestamp() for bad in self._bad.values()]
        return max(min(times) - self._now(), self._graph.rest, 0.0)

    def _rests(self, target: str) -> bool:
        bad = self._bad.get(target)
        if bad is not None and bad.until <= self._clock():
            del self._bad[target]
            return False
        return bad is not None

    def _is_refused(self, target: str, edge: Edge) -> bool:
        until = self._without.get((target, edge.name))
        return until is not None and until > self._clock()

    def _verdict(self, batch: Batch) -> None:
        """Raise when no target can be read."""
        if len(self._bad) < len(self._settings.targets) or batch.records:
            return
        sentence = "; ".join(f"{target}: {bad.error}" for target, bad in self._bad.items())
        refused = any(isinstance(bad.error, SourceStopped) for bad in self._bad.values())
        raise SourceStopped(sentence) if refused else SourceMisconfigured(sentence)

    def _window(self, stand: Stand) -> int:
        """The time back to which posts are watched; further after we were away for long."""
        usual = self._now() - int(self._settings.follow_days * 86_400)
        return min(usual, stand.swept - _OVERLAP) if stand.swept else usual

    def _is_young(self, found: Found) -> bool:
        return found.at >= self._horizon().timestamp()

    def _horizon(self) -> datetime:
        """What was written before this is not looked at again."""
        return datetime.fromtimestamp(self._now(), UTC) - timedelta(hours=self._settings.refresh_hours)

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _with_comments(name: str, progress: Progress) -> list[str]:
    return [name, *(one for one, (post_of, _) in progress.under.items() if post_of == name)]
