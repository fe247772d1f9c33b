"""Google Play: the reviews of one's own apps."""

from collections.abc import Callable
from datetime import datetime

from ingest.googleplay.config import Config
from ingest.googleplay.shop import GooglePlay
from ingest.http import PoliteClient
from ingest.reviews import ReviewSource, Timing
from ingest.source import Source

__all__ = ["Config", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source that reads the reviews of apps."""
    timing = Timing(every=config.every, backlog_hours=config.backlog_hours, refresh_hours=config.refresh_hours)
    return ReviewSource(config.name, GooglePlay(config, client=client, clock=clock), timing, clock=clock)
