"""RSS, Atom and JSON Feed: news, blogs, forums."""

from collections.abc import Callable
from datetime import datetime

from ingest.http import PoliteClient
from ingest.rss.config import Config
from ingest.rss.pushed import PushedSource
from ingest.rss.source import RssSource
from ingest.source import Source

__all__ = ["Config", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source that reads the configured feeds."""
    feeds = RssSource(config, client=client, clock=clock)
    return PushedSource(config, feeds, client=client, clock=clock) if config.public_url else feeds
