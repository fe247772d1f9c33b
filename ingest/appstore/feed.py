"""The App Store's public feed of reviews: no key, any app, ten pages of fifty in each store; often stale or empty."""

from datetime import datetime

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater
from domain.post import Record
from ingest.appstore.config import FEED, Config
from ingest.appstore.parse import NETWORK, read_entry, read_feed
from ingest.http import PoliteClient
from ingest.reviews import Listed, Unavailable

PAGES = 10
"""Pages that the feed has; it refuses to be asked for more."""

_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _OK = 400, 403, 404, 200


class AppStoreFeed:
    """Reviews of the configured apps, store by store. What the feed does not show any more may still be there."""

    network = NETWORK
    hourly = 0
    tells_gone = False

    def __init__(self, config: Config, *, client: PoliteClient) -> None:
        self.listings = tuple(f"{app}/{country}" for app in config.apps for country in config.countries or ("us",))
        self._api, self._client = config.api or FEED, client

    async def page(self, listing: str, token: str) -> Listed:
        """Bring a page; the token is its number."""
        app, _, country = listing.partition("/")
        number = int(token or "1")
        reply = await self._client.get(
            f"{self._api}/{country}/rss/customerreviews/page={number}/id={app}/sortby=mostrecent/json",
            accept_status=(_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND),
        )
        if reply.status == _FORBIDDEN:
            raise RetryLater("the feed of the App Store does not want to be asked for now (403)")
        if reply.status != _OK:
            raise Unavailable(f"{listing}: the App Store has no such app in this store ({reply.status})")
        entries = read_feed(reply.body)
        return Listed(entries, str(number + 1) if entries and number < PAGES else "")

    async def gone(self, listing: str, native_id: str) -> bool:
        """Nothing can be asked for alone, and what is missing in a stale feed is not gone."""
        del listing, native_id
        return False

    def read(self, raw: bytes, listing: str, *, source: str, at: datetime) -> list[Record | DeadLetter]:
        """Read an entry."""
        app, _, country = listing.partition("/")
        return read_entry(raw, app, country, source=source, at=at)

    async def check(self) -> str:
        """Ask for the first page of the first app in the first store."""
        found = len((await self.page(self.listings[0], "")).reviews)
        return (
            f"the public feed answers for {self.listings[0]} with {found} entries; no key is needed. Best effort: "
            "often hours behind or empty"
        )
