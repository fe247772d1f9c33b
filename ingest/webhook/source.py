"""The `webhook` source: takes signed deliveries and answers once their posts are durable."""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from domain.ids import stable_id
from ingest.deliveries import COMMIT_WAIT, IDLE_WAIT, Answer, Deliveries, problem
from ingest.source import Page
from ingest.webhook.config import Config
from ingest.webhook.posts import BadBody, read_posts
from ingest.webhook.signatures import Unsigned, verify

if TYPE_CHECKING:
    from ingest.http import PoliteClient

LARGEST_BODY = 1_000_000


class WebhookSource:
    """Posts that other programs send."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], datetime],
        commit_wait: float = COMMIT_WAIT,
        idle_wait: float = IDLE_WAIT,
    ) -> None:
        self._config, self._clock = config, clock
        self._keys = config.keys()
        self._posts = config.posts(origin="live")
        self._deliveries = Deliveries(
            config.name, most=config.waiting_posts, commit_wait=commit_wait, idle_wait=idle_wait
        )

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a delivery: (status, headers, body).

        202 {"accepted": n} once its posts are durable, or were before; 400 with the index of the post that cannot be
        read, 401, 413, 415; 429 and 503 with Retry-After when there is too much waiting or nothing is being stored.
        """
        named = {name.lower(): value for name, value in headers.items()}
        if len(body) > LARGEST_BODY:
            return problem(413, f"the body has more than {LARGEST_BODY:,} bytes; send fewer posts at a time")
        try:
            given_id = verify(named, body, self._keys, self._clock())
        except Unsigned as error:
            return problem(401, str(error))
        media = named.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            return problem(415, "send application/json")
        # The body counts too: an id used again by mistake for other posts must not lose them.
        delivery = stable_id(given_id, sha256(body).hexdigest())[:16]
        try:
            records = read_posts(body, self._posts, delivery=delivery, now=self._clock())
        except BadBody as error:
            return problem(400, error.detail, reason=error.reason, index=error.index)
        return await self._deliveries.store(delivery, records) or accepted(len(records))

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring deliveries not yet committed; an empty page when none comes within a second."""
        return await self._deliveries.fetch(cursor)

    async def committed(self, cursor: bytes) -> None:
        """Answer the callers whose posts are durable now."""
        await self._deliveries.committed(cursor)

    async def check(self) -> str:
        """Say where deliveries are expected; nothing outside can be asked."""
        keys = "two secrets" if len(self._keys) > 1 else "one secret"
        return f"signed deliveries are taken at POST /webhooks/{self.name} ({keys} active)"

    async def aclose(self) -> None:
        """Let callers still waiting go, to come again."""
        await self._deliveries.aclose()


def accepted(count: int) -> Answer:
    """Return the answer to a delivery whose posts are durable."""
    return 202, {"content-type": "application/json"}, msgspec.json.encode({"accepted": count})


def build(config: Config, *, client: "PoliteClient", clock: Callable[[], datetime]) -> WebhookSource:  # noqa: ARG001  # others call us
    """Make the source of a configuration."""
    return WebhookSource(config, clock=clock)
