"""The `discourse` source: walks a forum's latest posts, or what its search finds, newest first."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured
from domain.post import Record
from domain.query.phrases import phrases
from ingest.ago import ago
from ingest.discourse.api import Forum, Numbered
from ingest.discourse.config import Config
from ingest.discourse.parse import Gone, Place, Read, Silent, read_hit, read_post
from ingest.history import History
from ingest.http import PoliteClient
from ingest.lenient import UNREADABLE, decode
from ingest.listing import Known, Lead, Slice
from ingest.source import Page, Source
from ingest.walk import Walker

STRIDE = 50
"""Ids that one answer reaches back: older forums look no further, whatever is deleted or private among them."""
MOST_PAGES = 10
"""Pages of one search that Discourse gives."""

_LATEST = "latest"


class Posts:
    """Every post of the forum, by falling id."""

    network, covers = "discourse", True
    targets: Sequence[str] = (_LATEST,)

    def __init__(self, forum: Forum, place: Place, *, source: str, clock: Callable[[], datetime]) -> None:
        self._forum, self._place, self._source, self._clock = forum, place, source, clock

    async def page(self, target: str, place: str, known: Mapping[str, Known]) -> Slice:  # noqa: ARG002  # read whole
        """The posts before an id; an empty answer is no end: what is deleted or private is left out."""
        before = int(place or 0)
        found = await self._forum.latest(before)
        at = self._clock()
        numbers = [_numbered(raw) for raw in found]
        ids = [one.id for one in numbers if one.id]
        times = [int(_aware(one.created_at).timestamp()) for one in numbers if one.created_at]
        read = [read_post(raw, place=self._place, source=self._source, at=at) for raw in found]
        records = [one for one in read if isinstance(one, Record)]
        lowest = min((one for one in ids if not before or one < before), default=max(before - STRIDE, 0))
        return Slice(
            records=records,
            letters=[one for one in read if isinstance(one, DeadLetter)],
            known={
                one.post.native_id: Known(target, _ask(one.post.native_id), number.id)
                for one, number in zip(read, numbers, strict=True)
                if isinstance(one, Record)
            },
            gone=[one.native_id for one in read if isinstance(one, Gone)],
            oldest=max(_last_few(times), default=None),
            newest=max(times, default=None),
            low=lowest,
            place=str(lowest) if lowest > 1 else "",
        )

    async def one(self, known: Known) -> Record | DeadLetter | None:
        """Ask for one post; the first of a topic with its topic, which has the title."""
        topic, number = (int(part) for part in known.ask.split("/"))
        title = ""
        if number == 1:
            opening = await self._forum.opening(topic)
            title, raw = opening or ("", None)
        else:
            raw = await self._forum.post(topic, number)
        if raw is None:
            return None
        if not _numbered(raw).id:
            raise RetryLater("the forum answers something that is not Discourse's own format")
        read = read_post(raw, place=self._place, source=self._source, at=self._clock(), title=title)
        if isinstance(read, Silent):
            raise KeyError(known.ask)
        return None if isinstance(read, Gone) else read


class Found(Posts):
    """What the forum's search finds, phrase by phrase."""

    covers = False

    def __init__(
        self, forum: Forum, place: Place, *, source: str, clock: Callable[[], datetime], wanted: Sequence[str]
    ) -> None:
        super().__init__(forum, place, source=source, clock=clock)
        self.targets = tuple(wanted)

    async def page(self, target: str, place: str, known: Mapping[str, Known]) -> Slice:
        """A page of hits, which have no text: what is not known yet is asked for alone.

        A search gives ten pages; then it is asked again for what was written before the end of the last day it told.
        """
        day, _, number = place.rpartition(" ")
        page = int(number or 1)
        hits = await self._forum.search(f"{target} order:latest{f' before:{day}' if day else ''}", page)
        leads, letters = [], []
        for raw in hits.posts:
            hit = read_hit(bytes(raw), place=self._place, source=self._source, at=self._clock())
            if isinstance(hit, DeadLetter):
                letters.append(hit)
            else:
                native_id = self._place.native_id(hit.topic_id, hit.post_number)
                ask = Known(target, f"{hit.topic_id}/{hit.post_number}")
                leads.append(Lead(native_id, ask, int(_aware(hit.created_at).timestamp())))
        oldest = min((lead.at for lead in leads), default=None)
        after, beyond = f"{day} {page + 1}", list[DeadLetter]()
        if page >= MOST_PAGES:
            last = datetime.fromtimestamp(oldest or 0, UTC).date()
            whole = day or f"{self._clock().date() + timedelta(days=1)}"
            cut = f"{last + timedelta(days=1)}"
            if cut >= whole:
                beyond, cut = [self._too_many(target, last)], f"{last}"
            after = f"{cut} 1"
        return Slice(
            leads=[lead for lead in leads if lead.native_id not in known],
            letters=letters,
            beyond=beyond,
            oldest=oldest,
            newest=max((lead.at for lead in leads), default=None),
            place=after if leads and hits.more else "",
        )

    def _too_many(self, target: str, day: date) -> DeadLetter:
        return DeadLetter(
            source=self._source,
            stage="fetch",
            reason="too_many",
            detail=f"the search for {target} found more on {day} than it can tell; some were not read",
            where=f"{target} {day}",
            raw=b"",
            at=self._clock(),
        )


class DiscourseSource:
    """One forum."""

    finite = False

    def __init__(
        self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
    ) -> None:
        self.name = config.name
        self._config, self._clock = config, clock
        self._forum = Forum(config, client=client, clock=clock)
        self._place = Place(host=config.host, url=config.api, owner=config.owner)
        self._wanted = tuple(dict.fromkeys(one.quoted() for brand in brands for one in phrases(brand)))
        self._walker = Walker(
            self._listing(self._place, self.name),
            name=self.name,
            clock=clock,
            every=config.every,
            backlog_hours=config.backlog_hours,
            refresh_hours=config.refresh_hours,
        )

    def __repr__(self) -> str:
        return f"DiscourseSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page that holds anything new, oldest first; an empty one when all was read."""
        self._refuse_without_words()
        return await self._walker.fetch(cursor)

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: a forum is read, it does not deliver."""

    async def check(self) -> str:
        """Read the latest posts once."""
        self._refuse_without_words()
        found = [_numbered(raw).created_at for raw in await self._forum.latest(0)]
        newest = max((_aware(at) for at in found if at), default=None)
        who = f"as {self._config.username or 'the owner of the key'}" if self._config.token else "without a key"
        said = f"newest post {ago(newest, self._clock())}" if newest else "no post that we may see"
        return f"forum {self._config.host} is reachable {who}: {said}"

    def history(self, since: datetime, *, name: str) -> Source:
        """What was written from `since` on."""
        self._refuse_without_words()
        place = Place(host=self._place.host, url=self._place.url, owner=self._place.owner, origin="backfill")
        return History(self._listing(place, name), name=name, since=since, check=self.check)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused post again."""
        read: Read = read_post(letter.raw, place=self._place, source=self.name, at=self._clock())
        return read if isinstance(read, Record) else letter

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    def _listing(self, place: Place, source: str) -> Posts:
        if self._config.via == "search":
            return Found(self._forum, place, source=source, clock=self._clock, wanted=self._wanted)
        return Posts(self._forum, place, source=source, clock=self._clock)

    def _refuse_without_words(self) -> None:
        if self._config.via == "search" and not self._wanted:
            raise SourceMisconfigured('via = "search" asks for the brands, and there is none')


def _ask(native_id: str) -> str:
    """`12/3` of `forum.example/12/3`."""
    return "/".join(native_id.rsplit("/", 2)[1:])


def _last_few(times: list[int]) -> list[int]:
    """Those of the last posts of a page: one among them that was moved or imported keeps a date long past."""
    return times[-min(5, len(times) // 2 + 1) :]


def _numbered(raw: bytes) -> Numbered:
    try:
        return decode(raw, Numbered)
    except UNREADABLE:
        return Numbered()


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
