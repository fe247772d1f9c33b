"""The steps that all ways of listening to X share: search a stretch, look again, take posts in, pay for them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import Refused, RetryLater
from domain.post import Origin, Record
from ingest import relook
from ingest.cursors import read_cursor
from ingest.recent import deletion
from ingest.x.api import FEWEST, PAGE, Api
from ingest.x.config import Config
from ingest.x.parse import Context, Tweet, read_post, read_tweet, refuse
from ingest.x.problems import LostPage, OutOfReach
from ingest.x.progress import SHORT, Place, Progress, Stretch, Turn, key_of, later
from ingest.x.queries import accounts, queries
from ingest.x.spending import Purse

WEEK = timedelta(days=7)
"""How far back recent search goes."""

_MARGIN = timedelta(minutes=1)
_NOT_YET_INDEXED = timedelta(seconds=30)
_PERSON_DAYS = 30


class Reader:
    """Reads X for one source; holds no progress."""

    def __init__(
        self,
        config: Config,
        api: Api,
        *,
        brands: Sequence[Brand],
        clock: Callable[[], datetime],
        name: str,
        origin: Origin = "live",
    ) -> None:
        self._config, self._api, self._clock, self._name, self._origin = config, api, clock, name, origin
        self._brands, self._own = brands, accounts(brands)
        self.purse = Purse(config)

    def queries(self) -> list[str]:
        """What is searched for; raises SourceMisconfigured."""
        length = self._config.query_length
        return [one for one in queries(self._config, self._brands, length=length) if len(one) <= length]

    def rules(self) -> list[str]:
        """What the stream is asked for; raises SourceMisconfigured."""
        return queries(self._config, self._brands, length=self._config.rule_length)

    def turn(self, cursor: bytes | None) -> Turn:
        """Begin a fetch."""
        progress = read_cursor(cursor, Progress, source=self._name)
        return Turn(progress, self._clock(), memory_hours=self._config.refresh_hours)

    def start(self, now: datetime, since: datetime | None = None) -> int:
        """From when on a new query is searched, as unix seconds."""
        wanted = since or now - timedelta(hours=self._config.backlog_hours)
        earliest = now - WEEK + _MARGIN
        return int(min(max(wanted, earliest), now - _NOT_YET_INDEXED).timestamp())

    async def search(self, turn: Turn, query: str) -> None:
        """Read a page of the first stretch of a query, after asking how much a new query will find."""
        place = turn.places[key_of(query)]
        if place.daily < 0:
            place = await self._estimate(turn, query, place)
        stretch, *rest = place.stretches
        self.purse.check(turn.bill, self._config.post_price * FEWEST, turn.now)
        most = max(self.purse.affords(turn.bill, self._config.post_price, turn.now, most=PAGE), FEWEST)
        try:
            found = await self._api.search(
                query,
                since=stretch.since,
                start=_within_reach(stretch.start, turn.now) if stretch.start else None,
                token=stretch.token,
                most=most,
            )
        except OutOfReach:
            if not stretch.since:
                raise
            week = Stretch(start=int(_within_reach(0, turn.now).timestamp()))
            turn.places[key_of(query)] = replace(place, stretches=(week, *rest))
            turn.troubles.append("X was not read for more than seven days: what was written before is not found")
            return
        except LostPage:
            if not stretch.token:
                raise
            turn.places[key_of(query)] = replace(place, stretches=(replace(stretch, token=""), *rest))
            return
        shown = await self.take(turn, found.posts, where="search")
        newest = stretch.newest or found.newest or max((tweet.id for tweet in shown), key=_age, default="")
        left = [replace(stretch, token=found.token, newest=newest), *rest] if found.token else rest
        turn.places[key_of(query)] = replace(place, until=later(place.until, newest), stretches=tuple(left))

    async def look_again(self, turn: Turn) -> bool:
        """Look at some of the posts that are due for it; False when there are none."""
        unix = int(turn.now.timestamp())
        if not turn.asking and (hours := relook.due(turn.looked, unix, most=self._config.refresh_hours)):
            turn.asking = [one for one, known in turn.known.items() if known.seen.at >= unix - hours * 3_600]
            turn.looked = relook.done(turn.looked, unix, hours, most=self._config.refresh_hours)
        some, turn.asking = turn.asking[:PAGE], turn.asking[PAGE:]
        some = self._payable(turn, [one for one in some if one in turn.known])
        if not some:
            return bool(turn.asking)
        asked = {turn.known[native_id].latest: native_id for native_id in some}
        posts, gone = await self._api.lookup(list(asked))
        await self.take(turn, posts, where="lookup")
        for number in gone:
            turn.records.append(deletion("x", asked[number], source=self._name, at=turn.now))
            turn.known.pop(asked[number], None)
        return True

    async def take(self, turn: Turn, raws: Iterable[bytes], *, where: str) -> list[Tweet]:
        """Pay for posts, give those that are news, remember them; returns those that could be decoded."""
        tweets: list[tuple[Tweet, bytes]] = []
        for raw in raws:
            try:
                tweets.append((read_tweet(raw), raw))
            except Refused as refused:
                self.refuse(turn, refused, raw, where)
                self._pay(turn, self._config.post_price)
        self._pay(turn, self._config.post_price * len({one.id for one, _ in tweets if not _paid(turn, one)}))
        await self._meet(turn, [tweet for tweet, _ in tweets])
        context = Context(
            source=self._name,
            at=turn.now,
            origin=self._origin,
            people=turn.people,
            own=self._own,
            natives={known.latest: one for one, known in turn.known.items() if known.latest != one},
        )
        for tweet, raw in tweets:
            try:
                record = read_post(tweet, raw, context)
            except Refused as refused:
                self.refuse(turn, refused, raw, where)
                continue
            if turn.changed(record):
                turn.records.append(record)
                turn.remember(record)
            else:
                turn.paid(record)
        turn.forget()
        return [tweet for tweet, _ in tweets]

    def refuse(self, turn: Turn, refused: Refused, raw: bytes, where: str) -> None:
        """Make a dead letter, once: what overlaps is read time and again."""
        letter = refuse(refused, raw, where=where, source=self._name, at=turn.now)
        if letter.id[:SHORT] not in turn.refused:
            turn.refused.append(letter.id[:SHORT])
            turn.letters.append(letter)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused post again."""
        try:
            tweet = read_tweet(letter.raw)
            return read_post(tweet, letter.raw, Context(source=self._name, at=self._clock(), own=self._own))
        except Refused as refused:
            return refuse(refused, letter.raw, where=letter.where, source=self._name, at=self._clock())

    async def _estimate(self, turn: Turn, query: str, place: Place) -> Place:
        """Ask how many posts a query finds, and say so where all together would cost more than the daily cap."""
        self.purse.check(turn.bill, self._config.count_price, turn.now)
        daily = await self._api.count(query) / WEEK.days
        self._pay(turn, self._config.count_price)
        before = sum(max(one.daily, 0) for one in turn.places.values())
        place = turn.places[key_of(query)] = replace(place, daily=daily)
        price, cap = self._config.post_price, self._config.daily_cap
        if before * price <= cap < (before + daily) * price:
            turn.troubles.append(
                f"X would bring about {before + daily:.0f} posts a day for ${(before + daily) * price:.2f}, but "
                f"daily_cap is ${cap:g}: make the brands' queries narrower, set `filter`, or raise the cap"
            )
        return place

    async def _meet(self, turn: Turn, tweets: Sequence[Tweet]) -> None:
        """Read the accounts that are not known, as far as there is money; posts do not wait for their names."""
        if not self._config.authors:
            return
        wanted = dict.fromkeys(tweet.author_id for tweet in tweets if tweet.author_id)
        unknown = [
            one for one in wanted
            if one not in turn.people or turn.day - turn.people[one].day > _PERSON_DAYS
        ]  # fmt: skip
        price = self._config.user_price
        for start in range(0, len(unknown), PAGE):
            some = unknown[start : start + PAGE]
            some = some[: self.purse.affords(turn.bill, price, turn.now, most=len(some))]
            if not some:
                return
            try:
                met = await self._api.people(some)
            except RetryLater as error:
                turn.troubles.append(f"authors come without their names: {error}")
                return
            self._pay(turn, price * len(met))
            turn.people = {**{one: person for one, person in turn.people.items() if one not in met}, **met}

    def _payable(self, turn: Turn, natives: Sequence[str]) -> list[str]:
        """Those that were paid for today, and of the others as many as there is money for."""
        free = [one for one in natives if turn.known[one].paid == turn.day]
        dear = [one for one in natives if turn.known[one].paid != turn.day]
        most = self.purse.for_relooks(turn.bill, self._config.post_price, turn.now, most=len(dear))
        return [*free, *dear[:most]]

    def _pay(self, turn: Turn, amount: float) -> None:
        turn.bill, told = self.purse.spend(turn.bill, amount, turn.now)
        turn.troubles += told


def _paid(turn: Turn, tweet: Tweet) -> bool:
    """Whether a post was paid for today: the same version costs nothing again."""
    known = turn.known.get(tweet.native_id)
    return known is not None and known.paid == turn.day and known.latest == tweet.id


def _within_reach(start: int, now: datetime) -> datetime:
    """When a stretch begins that began at a unix time, once search does not go back that far any more."""
    return max(datetime.fromtimestamp(start, UTC), now - WEEK + _MARGIN)


def _age(number: str) -> tuple[int, str]:
    return len(number), number
