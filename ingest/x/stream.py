"""X by the filtered stream: seconds after a post is written; what was missed in between is searched for."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import Refused, RetryLater, SourceError
from domain.ids import stable_id
from domain.post import Record
from ingest.http import PoliteClient
from ingest.lenient import UNREADABLE, decode
from ingest.source import Page
from ingest.x.api import Api, Rule
from ingest.x.config import Config
from ingest.x.feed import Feed
from ingest.x.problems import Crowded, Failing, notice, problems
from ingest.x.progress import Turn, later
from ingest.x.reader import Reader
from ingest.x.source import HistorySource

TAG = "tocsin:"
"""What the tags of our rules begin with; rules of other programs are left alone."""
GATHER_SECONDS = 0.5
"""How long a fetch listens."""
SILENCE = 40.0
"""Seconds without a sign of life, which comes every 20, after which the stream counts as dead."""

_PAGE = 200
_STEADY = 60.0
_PAUSES: dict[type[RetryLater], tuple[float, float]] = {Crowded: (60.0, 960.0), Failing: (5.0, 320.0)}
_STEP, _LONGEST_STEP = 0.25, 16.0
_MOST_SEARCHES = 10
_MOST_SKIPPED = 128
"""Fetches, of half a second each, that search rests where X does not say for how long."""


class _Matched(Struct):
    id: str = ""
    tag: str = ""


class _Line(Struct):
    data: msgspec.Raw = msgspec.Raw(b"")
    matching_rules: list[_Matched] | None = None


class StreamSource:
    """Posts that our rules match, as they are written."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        brands: Sequence[Brand],
        gather_seconds: float = GATHER_SECONDS,
        silence: float = SILENCE,
    ) -> None:
        self.name = config.name
        self._config, self._client, self._clock, self._brands = config, client, clock, brands
        self._gather_seconds, self._silence = gather_seconds, silence
        self._api = Api(config, client=client, clock=clock)
        self._reader = Reader(config, self._api, brands=brands, clock=clock, name=self.name)
        self._feed: Feed | None = None
        self._opened, self._planned = 0, 0
        self._opened_at = self._search_at = clock()
        self._failures = self._search_failures = self._skipped = 0
        self._shared: frozenset[str] = frozenset()
        self._lines: list[bytes] = []
        self._untold: list[str] = []
        self._given: bytes | None = b""

    def __repr__(self) -> str:
        return f"StreamSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring what the stream tells; after each connecting a page of what was missed with it."""
        if cursor != self._given:
            await self._hang_up()
        turn = self._reader.turn(cursor)
        try:
            self._reader.purse.check(turn.bill, self._config.post_price, turn.now)
            if self._feed is None:
                await self._connect(turn.now)
            opened = self._opened
            await self._listen(turn)
        except SourceError as error:
            await self._hang_up()
            self._given = cursor
            raise self._patient(error) from None
        page = turn.page()
        self._planned = opened
        self._lines.clear()
        self._untold.clear()
        self._given = page.cursor
        return page

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: what was not committed is searched for."""

    async def check(self) -> str:
        """Read the rules, which costs nothing."""
        rules = await self._api.rules()
        own = sum(rule.tag.startswith(TAG) for rule in rules)
        return (
            f"the bearer token may use the filtered stream: {own} rules of ours there, {len(self._reader.rules())} "
            f"wanted, {len(rules) - own} of other programs; at most ${self._config.daily_cap:g} a day and "
            f"${self._config.monthly_cap:g} a month are spent"
        )

    def history(self, since: datetime, *, name: str) -> HistorySource:
        """See `ingest.source.Historic`: recent search goes back seven days."""
        return HistorySource(
            self._config, client=self._client, clock=self._clock, brands=self._brands, since=since, name=name
        )

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused post again."""
        return self._reader.reread(letter)

    async def aclose(self) -> None:
        """Hang up."""
        await self._hang_up()
        self._given = b""

    async def _connect(self, now: datetime) -> None:
        """Keep the rules in step and open the stream; what was missed before it opened has then to be planned."""
        await self._keep_rules()
        feed = Feed(self._open_lines)
        try:
            await feed.opened()
        except BaseException:
            await feed.close()
            raise
        self._feed, self._opened, self._opened_at = feed, self._opened + 1, now

    def _open_lines(self, shown: Callable[[], None]) -> AsyncGenerator[bytes]:
        return self._api.stream(shown, silence=self._silence)

    async def _keep_rules(self) -> None:
        """Add what is wanted and not there, delete what is ours and not wanted; other programs' rules are left."""
        wanted = {TAG + stable_id(value)[:16]: value for value in self._reader.rules()}
        there = await self._api.rules()
        own = {rule.tag: rule for rule in there if rule.tag.startswith(TAG)}
        others = [rule for rule in there if rule.tag not in own and rule.value in wanted.values()]
        self._shared = frozenset(rule.id for rule in others)
        served = {rule.value for rule in others} | {rule.value for tag, rule in own.items() if tag in wanted}
        if add := [Rule(value, tag) for tag, value in wanted.items() if value not in served]:
            self._untold += await self._api.change_rules(add=add)
        if stale := [rule.id for tag, rule in own.items() if tag not in wanted]:
            await self._api.change_rules(delete=stale)
        if too_long := len(self._config.queries) and len(self._config.queries) - len(self._reader.queries()):
            self._untold.append(f"{too_long} of the queries are too long for X's search: their gaps cannot be filled")

    async def _listen(self, turn: Turn) -> None:
        """A step of what was missed or is due to be looked at again, and what the stream has brought."""
        turn.troubles += self._untold
        if self._planned != self._opened:
            turn.begin(self._reader.queries(), start=self._reader.start(turn.now), everything=True)
        await self._search(turn)
        try:
            await self._gather(0.01 if turn.found else self._gather_seconds)
        except SourceError as error:
            await self._broken(turn, error)
        if self._lines:
            await self._take(turn)

    async def _search(self, turn: Turn) -> None:
        """A few requests beside the stream; where X wants none for now, the stream goes on alone."""
        if turn.now < self._search_at or self._skipped > 0:
            self._skipped -= 1
            return
        try:
            queries = self._reader.queries()
            if not turn.pending(queries):
                await self._reader.look_again(turn)
            for _ in range(_MOST_SEARCHES):
                if turn.found or not (query := turn.pending(queries)):
                    break
                await self._reader.search(turn, query)
        except RetryLater as error:
            self._search_at = turn.now + timedelta(seconds=error.after or 0)
            self._search_failures += 1
            self._skipped = min(2**self._search_failures, _MOST_SKIPPED)
            turn.troubles.append(f"beside the stream nothing is searched for now: {error}")
        else:
            self._search_failures = 0

    async def _gather(self, seconds: float) -> None:
        if self._feed is not None:
            await self._feed.gather(self._lines, most=_PAGE, seconds=seconds)

    async def _broken(self, turn: Turn, error: SourceError) -> None:
        """Connect again at once the first time that a stream breaks off; later after a pause."""
        if not isinstance(error, RetryLater):
            raise error
        if (turn.now - self._opened_at).total_seconds() >= _STEADY:
            self._failures = 0
        await self._hang_up()
        if turn.found:
            return
        if self._failures or error.after is not None:
            raise error
        self._failures = 1
        await self._connect(turn.now)

    async def _take(self, turn: Turn) -> None:
        """Take the lines in; X's notice that it hangs up is obeyed, or where posts came before it met again later."""
        posts: list[bytes] = []
        order: SourceError | None = None
        for raw in self._lines:
            line = self._line(turn, raw)
            if line is None:
                continue
            if bytes(line.data):
                if self._is_ours(line):
                    posts.append(bytes(line.data))
            elif told := problems(raw):
                order = notice(told)
            else:
                self._reader.refuse(turn, Refused("bad_line", "the line holds no post"), raw, "stream")
        for tweet in await self._reader.take(turn, posts, where="stream"):
            turn.heard = later(turn.heard, tweet.id)
            self._failures = 0
        if order is not None and not turn.found:
            raise order
        if order is not None:
            await self._hang_up()

    def _line(self, turn: Turn, raw: bytes) -> _Line | None:
        try:
            return decode(raw, _Line)
        except UNREADABLE as error:
            self._reader.refuse(turn, Refused("bad_line", f"not a line of the stream: {error}"), raw, "stream")
            return None

    def _is_ours(self, line: _Line) -> bool:
        return line.matching_rules is None or any(
            rule.tag.startswith(TAG) or rule.id in self._shared for rule in line.matching_rules
        )

    def _patient(self, error: SourceError) -> SourceError:
        """How long to wait before connecting again, where X has a rule for that and told no number."""
        if not isinstance(error, RetryLater) or error.after is not None:
            return error
        self._failures += 1
        if isinstance(error, Crowded | Failing):
            first, longest = _PAUSES[type(error)]
            return RetryLater(str(error), after=min(first * 2 ** min(self._failures - 1, 16), longest))
        return RetryLater(str(error), after=min(_STEP * self._failures, _LONGEST_STEP))

    async def _hang_up(self) -> None:
        feed, self._feed = self._feed, None
        self._lines.clear()
        if feed is not None:
            await feed.close()
