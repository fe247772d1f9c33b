"""The Callback API as a source: VK calls us when something happens in an own community.

VK has no signature: a secret stands in the body. What we answer is one of a few fixed words, whatever was asked: on
the word `remove` VK would take our server off the community.
"""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256

from msgspec import structs

from domain.dead_letter import DeadLetter
from domain.errors import Refused, RetryLater, SourceError, SourceMisconfigured
from domain.ids import stable_id
from domain.post import Record
from ingest.deliveries import COMMIT_WAIT, IDLE_WAIT, Answer, Deliveries
from ingest.http import PoliteClient
from ingest.source import Page
from ingest.vk.config import Config
from ingest.vk.people import People
from ingest.vk.push.community import Community
from ingest.vk.push.events import CONFIRMATION, KNOWN, Update, people_of, read_again, read_envelope, to_post

LARGEST_BODY = 1_000_000
COME_AGAIN = timedelta(minutes=1)
"""When VK is to tell again what could not be stored; it refuses to wait for 3 hours or more."""

OK, LATER, REFUSED, UNREADABLE, TOO_LARGE = b"ok", b"later", b"refused", b"unreadable", b"too large"
"""All that is ever answered, besides the confirmation."""


class CallbackSource:
    """Comments, posts and messages of one community, as VK brings them."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        commit_wait: float = COMMIT_WAIT,
        idle_wait: float = IDLE_WAIT,
    ) -> None:
        if config.group is None or config.secret is None:
            raise SourceMisconfigured('vk: via = "callback" needs `group` and `secret`')
        self._config, self._clock, self._group = config, clock, config.group
        self._secret, self._confirmation = config.secret.get_secret_value().encode(), config.confirmation.encode()
        self._community = Community(config, client=client, clock=clock) if config.token else None
        self._deliveries = Deliveries(
            config.name, most=config.waiting_posts, commit_wait=commit_wait, idle_wait=idle_wait
        )
        self._troubles: list[str] = []

    def __repr__(self) -> str:
        return f"CallbackSource(name={self.name!r})"

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer VK: `ok` once what it brought is durable, or was before, or is about something else.

        503 with Retry-After when it is to come again; 403 for another secret or community, 400 and 413 for what is no
        event of VK.
        """
        del headers  # nothing in them tells who calls
        if len(body) > LARGEST_BODY:
            return _say(413, TOO_LARGE)
        try:
            update = read_envelope(body)
        except Refused:
            return _say(400, UNREADABLE)
        if not self._is_ours(update):
            return _say(403, REFUSED)
        if update.type == CONFIRMATION:
            return _say(200, self._confirmation)
        if update.type not in KNOWN:
            return _say(200, OK)
        return await self._take(update, body)

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring what is not yet committed; an empty page when nothing comes within a second."""
        page = await self._deliveries.fetch(cursor)
        troubles, self._troubles = self._troubles, []
        return structs.replace(page, troubles=troubles) if troubles else page

    async def committed(self, cursor: bytes) -> None:
        """Answer VK: what it brought is durable now."""
        await self._deliveries.committed(cursor)

    async def check(self) -> str:
        """Say where VK is expected to call; with a token, whether VK and the config agree."""
        where = f"events of VK community {self._group} are taken at POST /webhooks/{self.name}"
        if self._community is None:
            return f"{where}; without a `token` VK cannot be asked whether it sends any, nor for names"
        name = await self._community.named()
        told = await self._community.confirmation()
        if told is not None and told != self._config.confirmation:
            raise SourceMisconfigured(
                "`confirmation` is not what VK expects now: copy it again from the community's Callback API settings"
            )
        agreed = "the confirmation is right" if told else "the token may not see the confirmation (right `manage`)"
        return f"{where}: {name}; {agreed}"

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused event again."""
        return read_again(letter, at=self._clock(), site=self._config.site)

    async def aclose(self) -> None:
        """Let VK go, to come again."""
        await self._deliveries.aclose()

    def _is_ours(self, update: Update) -> bool:
        """Whether it is about our community and knows the secret; VK may ask for the confirmation without."""
        knows = hmac.compare_digest(update.secret.encode("utf-8", "replace"), self._secret)
        asks = update.type == CONFIRMATION and not update.secret
        return update.group_id == self._group and (knows or asks)

    async def _take(self, update: Update, body: bytes) -> Answer:
        try:
            people = await self._people(update)
        except RetryLater:
            return self._later()
        read = to_post(update, people, source=self.name, at=self._clock(), site=self._config.site)
        records = [read] if isinstance(read, Record) else []
        letters = [read] if isinstance(read, DeadLetter) else []
        delivery = stable_id(update.event_id or sha256(body).hexdigest())[:16]
        refused = await self._deliveries.store(delivery, records, letters)
        return _say(200, OK) if refused is None else self._later()

    async def _people(self, update: Update) -> People:
        """Who wrote it; without names where the token is refused, which is told once."""
        if self._community is None:
            return {}
        try:
            return await self._community.names.of(people_of(update))
        except RetryLater:
            raise
        except SourceError as error:
            self._community = None
            self._troubles.append(f"names are not looked up any more: {error}")
            return {}

    def _later(self) -> Answer:
        again = format_datetime(self._clock() + COME_AGAIN, usegmt=True)
        return _say(503, LATER, **{"retry-after": again})


def _say(status: int, word: bytes, **headers: str) -> Answer:
    return status, {"content-type": "text/plain", **headers}, word
