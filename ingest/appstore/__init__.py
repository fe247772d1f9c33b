"""The App Store: reviews of an app, from the public feed or from App Store Connect."""

from collections.abc import Callable
from datetime import datetime

from ingest.appstore.config import Config
from ingest.appstore.connect import AppStoreConnect
from ingest.appstore.feed import AppStoreFeed
from ingest.http import PoliteClient
from ingest.reviews import ReviewSource, Timing
from ingest.source import Source

__all__ = ["Config", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source that reads the reviews of apps."""
    shop = (
        AppStoreConnect(config, client=client, clock=clock)
        if config.via == "connect"
        else AppStoreFeed(config, client=client)
    )
    timing = Timing(every=config.every, backlog_hours=config.backlog_hours, refresh_hours=config.refresh_hours)
    return ReviewSource(config.name, shop, timing, clock=clock)
