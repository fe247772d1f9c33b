"""The `telegram` source that is told what a bot heard (setWebhook)."""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256

from domain.dead_letter import DeadLetter
from domain.errors import SourceError
from domain.post import Record
from ingest.addresses import site
from ingest.deliveries import COMMIT_WAIT, IDLE_WAIT, Answer, Deliveries, problem
from ingest.http import PoliteClient
from ingest.source import Page
from ingest.telegram.bot import described
from ingest.telegram.config import Config
from ingest.telegram.ear import Ear
from ingest.telegram.loose import read_json

HEADER = "x-telegram-bot-api-secret-token"
LARGEST_BODY = 1_000_000


class PushedSource:
    """Telegram sends an update again until it is answered with 200, which is when its post is durable."""

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
        self.name = config.name
        self._config = config
        self._secret = config.secret.get_secret_value().encode() if config.secret else b""
        self._ear = Ear(config, client=client, clock=clock)
        self._deliveries = Deliveries(
            config.name, most=config.waiting_posts, commit_wait=commit_wait, idle_wait=idle_wait
        )
        self._address = f"{config.public_url}/webhooks/{config.name}" if config.public_url else ""
        self._set = not self._address
        self._troubles: list[str] = []

    def __repr__(self) -> str:
        return f"PushedSource(name={self.name!r})"

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a delivery: (status, headers, body).

        200 once its post is durable, or was before; 400 for what is no JSON, 401, 413; 429 and 503 with Retry-After
        when there is too much waiting or nothing is being stored.
        """
        given = {name.lower(): value for name, value in headers.items()}.get(HEADER, "")
        if not self._secret or not hmac.compare_digest(given.encode("utf-8", "replace"), self._secret):
            return problem(401, "the secret header is missing or wrong")
        if len(body) > LARGEST_BODY:
            return problem(413, f"the body has more than {LARGEST_BODY:,} bytes")
        try:
            found = read_json(body)
        except ValueError:
            return problem(400, "the body is no JSON", reason="bad_json")
        try:
            await self._start()
            heard = await self._ear.hear([found])
        except SourceError as error:
            return problem(503, f"not listening now: {error}", retry_after=10)
        self._troubles += heard.troubles
        delivery = f"update {heard.last}" if heard.last is not None else sha256(body).hexdigest()
        refusal = await self._deliveries.store(delivery, heard.records, heard.letters)
        return refusal or (200, {"content-type": "application/json"}, b"{}")

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring deliveries not yet committed; an empty page when none comes within a second."""
        await self._start()
        page = await self._deliveries.fetch(cursor)
        page.troubles.extend(self._troubles)
        self._troubles = []
        return page

    async def committed(self, cursor: bytes) -> None:
        """Answer Telegram for the posts that are durable now."""
        await self._deliveries.committed(cursor)

    async def check(self) -> str:
        """Ask who the bot is, what it may hear, and how its webhook stands."""
        me = await self._ear.api.me()
        hook = await self._ear.api.webhook()
        said = described(me, await self._ear.rooms.settle())
        url, failure = hook.get("url"), hook.get("last_error_message")
        if not isinstance(url, str) or not url:
            remedy = (
                "it is set at the start" if self._address else "set it yourself (setWebhook), or give `public_url`"
            )
            return f"{said}; no webhook is set yet: {remedy}"
        waiting = hook.get("pending_update_count", 0)
        missed = f"; Telegram's last failure: {' '.join(str(failure).split())[:200]}" if failure else ""
        return f"{said}; updates go to {site(url)}, {waiting} are waiting{missed}"

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused update again."""
        return self._ear.reread(letter)

    async def aclose(self) -> None:
        """Let callers still waiting go, to come again. The webhook stays: Telegram keeps what comes meanwhile."""
        await self._deliveries.aclose()

    async def _start(self) -> None:
        """Learn who the bot is and tell Telegram where we are, once."""
        self._troubles += await self._ear.start()
        if not self._set:
            await self._ear.api.set_webhook(self._address, self._secret.decode())
            self._set = True
