"""The `telegram` source that reads public channels and groups with a person's account (MTProto)."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceStopped
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.recent import deletion, news
from ingest.source import Page, Source
from ingest.telegram.config import Config
from ingest.telegram.history import HistorySource
from ingest.telegram.lines import Chore, Line, begun, chore, commented, forgotten, noticed, relooked, taken
from ingest.telegram.loose import read_json
from ingest.telegram.mtproto import MOST_MESSAGES, Account, Connection, Place, Raw, Unreachable
from ingest.telegram.tl import Reader, channel_of, number_of, root_of
from ingest.telegram.words import channel_id, native_id

LISTEN_SECONDS = 5.0
"""At most so long after Telegram told something of itself it is taken."""
AGAIN_SECONDS = 3_600
"""After so long a channel that could not be read is tried again."""

_MOST_CHORES = 20


class _Progress(Struct, frozen=True):
    """By the channel's name in config."""

    lines: dict[str, Line] = {}


class _Step(Struct):
    """What one chore brought."""

    line: Line
    records: Sequence[Record] = ()
    letters: Sequence[DeadLetter] = ()


class ChannelsSource:
    """Looks at each channel in turn, at what it gave again, and takes what Telegram tells of itself between."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        open_connection: Callable[[], Awaitable[Connection]],
        clock: Callable[[], datetime],
    ) -> None:
        self.name = config.name
        self._config, self._clock = config, clock
        self._account = Account(config, open_connection, clock=clock)
        self._served: dict[str, int] = {}
        self._turn = 0
        self._bad: dict[str, tuple[int, str]] = {}

    def __repr__(self) -> str:
        return f"ChannelsSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Do what is due until something comes of it; an empty page that asks to wait means that nothing is due."""
        stored = read_cursor(cursor, _Progress, source=self.name)
        lines = {name: stored.lines.get(name, Line()) for name in self._config.channels}
        self._listen(lines)
        page = self._told(lines)
        for done in range(_MOST_CHORES):
            if page.records or page.dead_letters or page.troubles:
                break
            due = self._next(lines)
            if due is None:
                break
            try:
                page = await self._serve(lines, *due)
            except RetryLater:
                if not done:
                    raise
                break  # what was found out before is kept first; the wait is told when it is asked again
        return replace(page, cursor=write_cursor(_Progress(lines)), wait=self._rest(lines))

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: Telegram keeps what it has."""

    async def check(self) -> str:
        """Ask who reads."""
        try:
            reader = await self._account.ask(lambda connection: connection.me())
        except Unreachable as error:
            raise SourceStopped(f"Telegram does not say who this account is: {error}") from None
        count = len(self._config.channels)
        return f"reads {count} channel{'s' if count > 1 else ''} and groups as {reader}"

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused message again; of its channel no more is known than its number."""
        try:
            raw = read_json(letter.raw)
        except ValueError:
            return letter
        place = Place(channel_of(raw) if isinstance(raw, dict) else 0, 0, broadcast=True)
        read = Reader(place, {}, source=self.name, clock=self._clock).read(raw)
        return read or replace(letter, detail="the message has no words")

    def history(self, since: datetime, *, name: str) -> Source:
        """See `ingest.source.Historic`."""
        config = self._config.model_copy(update={"name": name})
        return HistorySource(config, account=self._account, since=since, clock=self._clock)

    async def aclose(self) -> None:
        """Hang up."""
        await self._account.aclose()

    def _listen(self, lines: dict[str, Line]) -> None:
        places = [line.place for line in lines.values() if line.place is not None]
        self._account.listen([place.id for place in places] + [place.linked_id for place in places])

    def _next(self, lines: dict[str, Line]) -> tuple[str, Chore] | None:
        """The chore of the channel that has waited longest."""
        now = self._now()
        for name in sorted(lines, key=lambda one: self._served.get(one, 0)):
            if name in self._bad and self._bad[name][0] > now:
                continue
            due = chore(lines[name], now, refresh_hours=self._config.refresh_hours)
            if due is not None:
                return name, due
        return None

    async def _serve(self, lines: dict[str, Line], name: str, due: Chore) -> Page:
        self._turn += 1
        self._served[name] = self._turn
        try:
            step = await self._do(lines[name], name, due)
        except Unreachable as error:
            return self._unreachable(lines, name, error)
        self._bad.pop(name, None)
        lines[name] = forgotten(step.line)
        return Page(records=list(step.records), dead_letters=list(step.letters), cursor=b"")

    def _unreachable(self, lines: dict[str, Line], name: str, error: Unreachable) -> Page:
        if error.stale and lines[name].place is not None:
            lines[name] = replace(lines[name], place=None, described=0)
            return Page(records=[], cursor=b"")
        self._bad[name] = (self._now() + AGAIN_SECONDS, f"@{name} cannot be read: {error}")
        troubles = [self._bad[one][1] for one in lines if one in self._bad]
        if len(troubles) == len(lines):
            self._bad.clear()
            raise SourceStopped(f"none of the channels can be read: {'; '.join(troubles)}"[:1_000])
        return Page(records=[], cursor=b"", troubles=[self._bad[name][1]])

    async def _do(self, line: Line, name: str, due: Chore) -> _Step:
        place = line.place
        if due == "find" or place is None:
            found = await self._account.ask(lambda connection: connection.find(name))
            return _Step(begun(line, found, self._now(), backlog_hours=self._config.backlog_hours))
        if due == "describe":
            described = await self._account.ask(lambda connection: connection.describe(place))
            return _Step(replace(line, place=described, described=self._now()))
        if due == "comments":
            return await self._comments(line, place)
        if due == "again":
            return await self._again(line, place)
        if due == "relook":
            return _Step(relooked(line, self._now(), refresh_hours=self._config.refresh_hours))
        return await self._look(line, place)

    async def _look(self, line: Line, place: Place) -> _Step:
        """Bring what was written after the last look."""
        since = datetime.fromtimestamp(line.since, UTC)
        raws = await self._account.all(
            lambda connection: connection.messages((place.id, place.hash), after=line.last, since=since)
        )
        more = len(raws) >= MOST_MESSAGES
        line = noticed(line, raws, comments=self._config.comments)
        line = replace(
            line,
            last=max([line.last, *(number_of(raw) for raw in raws)]),
            next=0 if more else self._now() + int(self._config.every),
        )
        return self._read(line, raws)

    async def _comments(self, line: Line, place: Place) -> _Step:
        """Bring the next comments under a post that has new ones."""
        post, thread = next((int(post), one) for post, one in line.threads.items() if one.due)
        try:
            raws = await self._account.all(
                lambda connection: connection.comments((place.id, place.hash), post, after=thread.last)
            )
        except Unreachable:  # the post is gone, or its comments were closed
            return _Step(commented(line, post, [], whole=True))
        return self._read(commented(line, post, raws, whole=len(raws) < MOST_MESSAGES), raws)

    async def _again(self, line: Line, place: Place) -> _Step:
        """Look at some of what was given again: what changed comes again, what is gone is said to be gone."""
        group = line.again[0].partition("_")[0]
        names = [one for one in line.again if one.partition("_")[0] == group][:MOST_MESSAGES]
        left = replace(line, again=[one for one in line.again if one not in set(names)])
        here = group == str(channel_id(place.id))
        peer = (place.id, place.hash) if here else (place.linked_id, place.linked_hash)
        numbers = [int(one.partition("_")[2]) for one in names]
        try:
            raws = await self._account.all(lambda connection: connection.again(peer, numbers))
        except Unreachable:
            if here:
                raise
            return _Step(left)  # a closed discussion group: its comments can be read under their posts only
        there = {number_of(raw) for raw in raws}
        gone = [name for name, number in zip(names, numbers, strict=True) if number not in there]
        if here:
            left = noticed(left, raws, comments=self._config.comments)
        return self._read(left, raws, gone=gone)

    def _told(self, lines: dict[str, Line]) -> Page:
        """Take what Telegram told of itself."""
        by_channel = {}
        for name, line in lines.items():
            if line.place is not None:
                by_channel[line.place.id] = name
                by_channel.setdefault(line.place.linked_id, name)
        records: list[Record] = []
        letters: list[DeadLetter] = []
        for raw in self._account.heard():
            deleted = raw.get("deleted")
            channel = int(raw["channel"]) if deleted else channel_of(raw)
            if channel not in by_channel:
                continue
            name = by_channel[channel]
            gone = [native_id(channel_id(channel), number) for number in deleted or ()]
            lines[name] = line = lines[name] if deleted else noticed(lines[name], [raw], comments=False)
            step = self._read(line, [] if deleted or not _is_placed(raw, line) else [raw], gone=gone)
            lines[name] = step.line
            records += step.records
            letters += step.letters
        return Page(records=records, dead_letters=letters, cursor=b"")

    def _read(self, line: Line, raws: Sequence[Raw], *, gone: Sequence[str] = ()) -> _Step:
        """Read messages of a line's place; those that did not change since they were given are left out."""
        place = line.place
        if place is None:
            return _Step(line)
        now = self._clock()
        reader = Reader(place, line.roots, source=self.name, clock=self._clock)
        found = [reader.read(raw) for raw in raws]
        records = news([one for one in found if isinstance(one, Record)], line.recent)
        records += [deletion("telegram", name, source=self.name, at=now) for name in gone if name in line.recent]
        after = taken(
            line, records, now, refresh_hours=self._config.refresh_hours, channels=len(self._config.channels)
        )
        return _Step(after, records, [one for one in found if isinstance(one, DeadLetter)])

    def _rest(self, lines: dict[str, Line]) -> float:
        """Seconds to the next thing to do, a few at most."""
        if self._next(lines) is not None:
            return 0.0
        nexts = [line.next for line in lines.values() if line.place is not None]
        return max(min([LISTEN_SECONDS, *(at - self._now() for at in nexts)]), 1.0)

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _is_placed(raw: Raw, line: Line) -> bool:
    """Whether it is known what a message is about; a comment in a thread that was never read is read with that."""
    own = line.place is not None and channel_of(raw) == line.place.id
    return own or str(root_of(raw)) in line.roots
