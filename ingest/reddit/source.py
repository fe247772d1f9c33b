"""The `reddit` source: subreddits and a search walked from their newest down, and again for what changed."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured
from domain.ids import stable_id
from domain.post import Origin, Record
from domain.query import phrases
from ingest import relook
from ingest.alternatives import side_by_side
from ingest.cursors import read_cursor
from ingest.http import PoliteClient
from ingest.reddit.api import PAGE, Api, Closed, Listing
from ingest.reddit.config import Config
from ingest.reddit.parse import own_of, read_thing
from ingest.reddit.progress import OVERLAP, Progress, Turn, Walk
from ingest.source import Page

CLOSED_SECONDS = 3_600
"""How long a subreddit that cannot be read is left alone."""
LISTED = 1_000
"""Things that a listing goes back at most."""

_MOST_STEPS = 10
_ANCHORS = 10
_QUERY_LENGTH = 512
_NEAR_THE_END = 900
_SPANS = ((1, "hour"), (24, "day"), (168, "week"), (720, "month"), (8_760, "year"))
_SEARCH = "search"


class RedditSource:
    """New posts and comments; with `since` the past once, as far as Reddit lists it."""

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        brands: Sequence[Brand],
        since: datetime | None = None,
    ) -> None:
        self.name, self.finite = config.name, since is not None
        self._config, self._client, self._clock, self._brands = config, client, clock, brands
        self._since, self._own = since, own_of(brands)
        self._api = Api(config, client=client, clock=clock)

    def __repr__(self) -> str:
        return f"RedditSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Take steps until one brings something, a few at most; rest when a look has ended."""
        progress = read_cursor(cursor, Progress, source=self.name)
        turn = Turn(progress, self._clock(), memory_hours=self._config.refresh_hours)
        if turn.at.over:
            return turn.page(exhausted=True)
        for _ in range(_MOST_STEPS):
            await self._step(turn)
            if turn.found or turn.at.walk is None:
                break
        ended = turn.at.walk is None
        turn.at.over = self.finite and ended
        return turn.page(wait=self._config.every if ended and not self.finite else 0.0, exhausted=turn.at.over)

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: Reddit is read, it does not deliver."""

    async def check(self) -> str:
        """Ask for a token and for one post of all subreddits, or of the search; say which subreddits are closed."""
        names = list(self._config.subreddits)
        closed: dict[str, str] = {}
        if names:
            try:
                await self._api.new("new", names[:PAGE], most=1)
            except Closed:
                closed = await self._closed("new", names)
                self._all_closed(closed)
        else:
            await self._api.search(self._queries()[0], span="day", most=1)
        missing = f"; closed: {', '.join(f'r/{name} ({why})' for name, why in closed.items())}" if closed else ""
        search, scope = "on" if self._config.search else "off", self._api.scope or "not told"
        readable = f"{len(names) - len(closed)} of {len(names)} subreddits"
        return f"the app gets a token (scope {scope}); {readable} can be read, search is {search}{missing}"

    def history(self, since: datetime, *, name: str) -> "RedditSource":
        """See `ingest.source.Historic`: about a thousand posts and comments of each listing."""
        config = self._config.model_copy(update={"name": name})
        return RedditSource(config, client=self._client, clock=self._clock, brands=self._brands, since=since)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused post or comment again."""
        found = read_thing(letter.raw, source=self.name, at=self._clock(), own=self._own)
        return found.record or found.letter or letter

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    async def _step(self, turn: Turn) -> None:
        """One request: of posts to be looked at again, else a page of the listing in hand."""
        if turn.at.walk is None:
            self._begin(turn)
        if turn.at.asking:
            await self._look_again(turn)
            return
        walk = turn.at.walk
        if walk is None or not walk.left:
            turn.at.walk = None
            return
        target = walk.left[0]
        try:
            listing = await self._page(target, walk, turn.unix)
        except Closed as error:
            await self._without_closed(turn, walk, error)
            return
        self._take(turn, walk, target, listing)

    def _begin(self, turn: Turn) -> None:
        at = turn.at
        hours = 0.0 if self.finite else relook.due(at.looked, turn.unix, most=self._config.refresh_hours)
        if hours:
            at.asking = [name for name, seen in at.recent.items() if seen.at >= turn.unix - hours * 3_600]
            at.looked = relook.done(at.looked, turn.unix, hours, most=self._config.refresh_hours)
        at.closed = {name: until for name, until in at.closed.items() if until > turn.unix}
        at.walk = self._enter(Walk(left=self._targets(at)), turn)

    def _targets(self, at: Progress) -> list[str]:
        """The listings to be read: `new:a+b`, `comments:a+b`, `search:query`."""
        names = [name for name in self._config.subreddits if name not in at.closed]
        groups = [
            "+".join(names[start : start + self._config.at_once])
            for start in range(0, len(names), self._config.at_once)
        ]
        kinds = ("new", "comments") if self._config.comments else ("new",)
        searches = [f"{_SEARCH}:{query}" for query in self._queries()] if self._config.search else []
        return [*(f"{kind}:{group}" for group in groups for kind in kinds), *searches]

    def _queries(self) -> list[str]:
        """What is searched for; raises SourceMisconfigured."""
        terms = [phrase.quoted() for brand in self._brands for phrase in phrases(brand)]
        if not terms:
            raise SourceMisconfigured("there is no [[brand]] to search Reddit for: add one, or set search = false")
        several = len(terms) > 1
        bracketed = [f"({term})" if several and " " in term and not term.endswith('"') else term for term in terms]
        return side_by_side(bracketed, room=_QUERY_LENGTH, network="Reddit")

    def _enter(self, walk: Walk, turn: Turn) -> Walk:
        """Say how far down the first listing that is left is to be read."""
        if not walk.left:
            return walk
        if self._since is not None:
            until = int(self._since.timestamp())
        else:
            start = turn.unix - int(self._config.backlog_hours * 3_600)
            known = [turn.at.upto.get(key) for key in _keys(walk.left[0])]
            until = min(start if upto is None else upto - OVERLAP for upto in known)
        return Walk(left=walk.left, until=until)

    async def _page(self, target: str, walk: Walk, now: int) -> Listing:
        kind, _, what = target.partition(":")
        if kind != _SEARCH:
            return await self._api.new(kind, what.split("+"), after=walk.after)
        hours = (now - walk.until) / 3_600
        span = next((span for most, span in _SPANS if hours <= most), "all")
        return await self._api.search(what, span=span, after=walk.after)

    def _take(self, turn: Turn, walk: Walk, target: str, listing: Listing) -> None:
        """Give what is new on a page, and go on to the next one or to the next listing."""
        origin: Origin = "backfill" if self.finite else "live"
        things = [
            read_thing(raw, source=self.name, at=turn.now, own=self._own, origin=origin) for raw in listing.things
        ]
        turn.take(things, since=walk.until, source=self.name)
        in_order = [one for one in things if one.name and not one.pinned]
        walk.top = max([walk.top, *(min(one.at, turn.unix) for one in in_order)])
        walk.read += len(things)
        if not things and walk.anchors:
            walk.after = (
                walk.anchors.pop()
            )  # what the page was to begin after is gone: begin after what was before it
            return
        reached = bool(in_order) and in_order[-1].at < walk.until
        if listing.after and not reached:
            walk.anchors = [one.name for one in things if one.name and one.name != listing.after][-_ANCHORS:]
            walk.after = listing.after
            return
        if not reached and walk.read >= _NEAR_THE_END:
            turn.troubles.append(
                f"{_named(target)}: more was written since the last look than Reddit lists (about {LISTED}); what is "
                "older was not read: look more often, or at fewer subreddits in one request (at_once)"
            )
        for key in _keys(target):
            turn.at.upto[key] = max(turn.at.upto.get(key, 0), walk.top, walk.until)
        turn.at.walk = self._rest(turn, walk.left[1:])

    def _rest(self, turn: Turn, left: list[str]) -> Walk | None:
        return self._enter(Walk(left=left), turn) if left else None

    async def _look_again(self, turn: Turn) -> None:
        some, turn.at.asking = turn.at.asking[:PAGE], turn.at.asking[PAGE:]
        listing = await self._api.info(some)
        things = [read_thing(raw, source=self.name, at=turn.now, own=self._own) for raw in listing.things]
        turn.take(things, since=turn.unix, source=self.name)

    async def _without_closed(self, turn: Turn, walk: Walk, error: Closed) -> None:
        """Find out which subreddits of a listing are closed, leave them alone for an hour, and go on without them."""
        kind, _, what = walk.left[0].partition(":")
        names = what.split("+")
        closed = await self._closed(kind, names) if len(names) > 1 else {names[0]: error.reason}
        if not closed:
            raise RetryLater(f"Reddit lists each of these subreddits, but not all together for now: {error}")
        turn.at.closed |= dict.fromkeys(closed, turn.unix + CLOSED_SECONDS)
        self._all_closed(dict.fromkeys(turn.at.closed, "closed") | closed)
        turn.troubles += [f"r/{name} cannot be read ({why}); the others are" for name, why in closed.items()]
        left = [_without(target, set(closed)) for target in walk.left]
        turn.at.walk = self._rest(turn, [target for target in left if target])

    async def _closed(self, kind: str, names: Sequence[str]) -> dict[str, str]:
        """Ask for each subreddit alone; those that cannot be read, with Reddit's reason."""
        closed: dict[str, str] = {}
        for name in names:
            try:
                await self._api.new(kind, [name], most=1)
            except Closed as error:
                closed[name] = error.reason
        return closed

    def _all_closed(self, closed: dict[str, str]) -> None:
        """Raise SourceMisconfigured where nothing is left to be read."""
        if self._config.search or set(self._config.subreddits) - closed.keys():
            return
        why = ", ".join(f"r/{name} ({reason})" for name, reason in closed.items())
        raise SourceMisconfigured(f"none of the subreddits can be read: {why}")


def _keys(target: str) -> list[str]:
    """By what a listing's progress is kept: each subreddit, or the query."""
    kind, _, what = target.partition(":")
    return [f"{kind}:{stable_id(what)[:12]}"] if kind == _SEARCH else [f"{kind}:{name}" for name in what.split("+")]


def _named(target: str) -> str:
    kind, _, what = target.partition(":")
    return "the search" if kind == _SEARCH else f"{kind} of r/{what}"


def _without(target: str, closed: set[str]) -> str:
    """A listing without some subreddits; empty when none is left."""
    kind, _, what = target.partition(":")
    if kind == _SEARCH:
        return target
    names = "+".join(name for name in what.split("+") if name not in closed)
    return f"{kind}:{names}" if names else ""
