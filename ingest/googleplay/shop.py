"""Google Play as far as it is asked: pages of reviews, one review, and what its refusals mean."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from domain.post import Record
from ingest.google import ERRORS, reasons
from ingest.googleplay.config import Config
from ingest.googleplay.parse import NETWORK, read_answer, read_review
from ingest.http import Answer, PoliteClient
from ingest.passes import StaleToken
from ingest.reviews import HOUR, Listed, Unavailable
from ingest.tokens import GoogleTokens
from ingest.waiting import asked_wait

SCOPE = "https://www.googleapis.com/auth/androidpublisher"
PAGE = 100

_OK, _BAD_REQUEST, _UNAUTHORISED, _FORBIDDEN, _NOT_FOUND, _BUSY = 200, 400, 401, 403, 404, 429
_TOO_MANY = frozenset({
    "quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "RESOURCE_EXHAUSTED",
})  # fmt: skip
_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})


class GooglePlay:
    """The reviews of the configured apps."""

    network = NETWORK
    tells_gone = True

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        self.listings = config.packages
        self.hourly = config.requests_per_hour
        self._config, self._client, self._clock = config, client, clock
        self._key = stable_id(NETWORK, config.service_account.get_secret_value())
        self._tokens = GoogleTokens(
            config.service_account, scope=SCOPE, client=client, clock=clock, endpoint=config.token_endpoint
        )
        client.limit(self._key, requests=config.requests_per_hour, seconds=HOUR)

    async def page(self, listing: str, token: str) -> Listed:
        """Bring a page of the last seven days."""
        answer = read_answer((await self._ask(listing, "", {"maxResults": PAGE, **_given(token=token)})).body)
        return Listed([bytes(raw) for raw in answer.reviews], answer.token_pagination.next_page_token)

    async def gone(self, listing: str, native_id: str) -> bool:
        """Ask for the review alone."""
        return (await self._ask(listing, f"/{quote(native_id, safe='')}", {})).status == _NOT_FOUND

    def read(self, raw: bytes, listing: str, *, source: str, at: datetime) -> list[Record | DeadLetter]:
        """Read a review, and the reply to it."""
        return read_review(raw, listing, source=source, at=at)

    async def check(self) -> str:
        """Ask for a page of each app."""
        account = self._tokens.account().client_email
        told: list[str] = []
        refused = 0
        for package in self.listings:
            try:
                count = len((await self.page(package, "")).reviews)
                told.append(f"{package}: {count} reviews on the first page of the last 7 days")
            except Unavailable as error:
                told.append(error.sentence)
                refused += 1
        if refused == len(self.listings):
            raise SourceStopped("; ".join(told))
        return f"service account {account} reads " + "; ".join(told)

    async def _ask(self, package: str, path: str, params: dict[str, str | int]) -> Answer:
        """Ask with a token; with a new one, once, where that is refused."""
        for again in (True, False):
            reply = await self._client.get(
                f"{self._config.api}/androidpublisher/v3/applications/{package}/reviews{path}",
                params=params,
                headers={"authorization": f"Bearer {await self._tokens.bearer()}"},
                limiter_key=self._key,
                accept_status=ERRORS,
            )
            if reply.status != _UNAUTHORISED:
                break
            self._tokens.forget()
            if not again:
                raise SourceStopped(
                    "Google Play refuses the service account's token: see that the account is not disabled and make "
                    "a new key of it"
                )
        if reply.status != _OK and not (reply.status == _NOT_FOUND and path):
            self._judge(reply, package, further="token" in params)
        return reply

    def _judge(self, reply: Answer, package: str, *, further: bool) -> None:
        why = reasons(reply.body)
        if reply.status == _BUSY or why & _TOO_MANY:
            after = asked_wait(reply.headers, self._clock())
            raise RetryLater("Google Play asks us to come back later: too many questions", after=after)
        if why & _OFF:
            raise SourceStopped(
                "the Google Play Android Developer API is not enabled for the service account's project: enable it "
                "in the Google Cloud console"
            )
        if reply.status == _FORBIDDEN:
            raise Unavailable(
                f"{package}: the service account may not read its reviews: invite it in the Play Console and give it "
                'the right "Reply to reviews" for this app',
                refused=True,
            )
        if reply.status == _NOT_FOUND:
            raise Unavailable(f"{package}: Google Play knows no such app")
        if further:
            raise StaleToken
        raise SourceMisconfigured(f"{package}: Google Play does not understand the question ({reply.status})")


def _given(**params: str) -> dict[str, str]:
    return {name: text for name, text in params.items() if text}
