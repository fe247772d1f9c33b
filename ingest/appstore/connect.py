"""App Store Connect as far as it is asked: pages of reviews with their responses, and what its refusals mean."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceStopped
from domain.ids import stable_id
from domain.post import Record
from ingest.appstore.config import CONNECT, Config
from ingest.appstore.parse import NETWORK, read_connect, read_pair
from ingest.http import Answer, PoliteClient
from ingest.passes import StaleToken
from ingest.reviews import HOUR, Listed, Unavailable
from ingest.tokens import AppleTokens
from ingest.waiting import asked_wait

PAGE = 200
PER_HOUR = 3_600
"""Questions that Apple allows a key in an hour where it does not say otherwise."""

_OK, _BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN, _NOT_FOUND, _BUSY = 200, 400, 401, 403, 404, 429
_FIRST: dict[str, str | int] = {"sort": "-createdDate", "limit": PAGE, "include": "response"}
_LIMITS = "x-rate-limit"
_SPARE = 20
_REST = 300.0


class AppStoreConnect:
    """Reviews of one's own apps, of all stores at once."""

    network = NETWORK
    hourly = 0
    tells_gone = True

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        if config.private_key is None:
            raise ValueError("the config of App Store Connect has a key")
        self.listings = config.apps
        self._api, self._client, self._clock = config.api or CONNECT, client, clock
        self._tokens = AppleTokens(config.private_key, key_id=config.key_id, issuer=config.issuer_id, clock=clock)
        self._key = stable_id(NETWORK, config.key_id, config.private_key.get_secret_value())
        self._key_id = config.key_id
        client.limit(self._key, requests=PER_HOUR, seconds=HOUR)

    async def page(self, listing: str, token: str) -> Listed:
        """Bring a page; the token is the query of the address that the page before it named as the next."""
        params = dict(parse_qsl(token)) if token else _FIRST
        reply = await self._ask(f"/v1/apps/{listing}/customerReviews", params)
        if reply.status != _OK:
            self._judge(reply, listing, further=bool(token))
        reviews, following = read_connect(reply.body)
        return Listed(reviews, urlsplit(following).query, _rest(reply.headers.get(_LIMITS, "")))

    async def gone(self, listing: str, native_id: str) -> bool:
        """Ask for the review alone."""
        reply = await self._ask(f"/v1/customerReviews/{quote(native_id, safe='')}", {})
        if reply.status not in {_OK, _NOT_FOUND}:
            self._judge(reply, listing, further=False)
        return reply.status == _NOT_FOUND

    def read(self, raw: bytes, listing: str, *, source: str, at: datetime) -> list[Record | DeadLetter]:
        """Read a review, and the response to it."""
        return read_pair(raw, listing, source=source, at=at)

    async def check(self) -> str:
        """Ask for a page of each app."""
        told: list[str] = []
        refused = 0
        for app in self.listings:
            try:
                listed = await self.page(app, "")
            except Unavailable as error:
                told.append(error.sentence)
                refused += 1
            else:
                told.append(f"{app}: {len(listed.reviews)} reviews on the first page")
        if refused == len(self.listings):
            raise SourceStopped("; ".join(told))
        return f"App Store Connect key {self._key_id} reads " + "; ".join(told)

    async def _ask(self, path: str, params: dict[str, str | int] | dict[str, str]) -> Answer:
        reply = await self._client.get(
            f"{self._api}{path}",
            params={**params},
            headers={"authorization": f"Bearer {self._tokens.bearer()}"},
            limiter_key=self._key,
            accept_status=(_BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN, _NOT_FOUND, _BUSY),
        )
        if reply.status == _UNAUTHORISED:
            raise SourceStopped(
                "App Store Connect refuses the key: see that key_id, issuer_id and private_key belong together, that "
                "the key was not revoked, and that this machine's clock is right"
            )
        if reply.status == _BUSY:
            after = asked_wait(reply.headers, self._clock())
            raise RetryLater("App Store Connect asks us to come back later: too many questions", after=after)
        return reply

    def _judge(self, reply: Answer, app: str, *, further: bool) -> None:
        if reply.status == _FORBIDDEN:
            raise Unavailable(
                f"{app}: the key may not read customer reviews: give it the role Customer Support, or a higher one",
                refused=True,
            )
        if reply.status == _BAD_REQUEST and further:
            raise StaleToken
        raise Unavailable(f"{app}: App Store Connect knows no such app of this account ({reply.status})")


def _rest(limits: str) -> float:
    """How long to leave Apple alone: `user-hour-lim:3600;user-hour-rem:17` says that the hour is nearly used up."""
    told = dict(part.strip().partition(":")[::2] for part in limits.split(";"))
    left = told.get("user-hour-rem", "")
    return _REST if left.isdigit() and int(left) < _SPARE else 0.0
