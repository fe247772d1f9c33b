"""Instagram: comments on one's own media, hashtags, mentions."""

from collections.abc import Callable
from datetime import datetime

from ingest.http import PoliteClient
from ingest.instagram.config import Config
from ingest.instagram.hashtags import HashtagSource
from ingest.instagram.media import media_source
from ingest.instagram.pushed import webhook_source
from ingest.source import Source

__all__ = ["Config", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source that listens in the configured way."""
    makers: dict[str, Callable[..., Source]] = {
        "media": media_source,
        "hashtags": HashtagSource,
        "webhook": webhook_source,
    }
    return makers[config.via](config, client=client, clock=clock)
