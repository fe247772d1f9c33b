"""Reddit: posts and comments of subreddits, and posts that its search finds."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from ingest.http import PoliteClient
from ingest.reddit.config import Config
from ingest.reddit.source import RedditSource
from ingest.source import Source

__all__ = ["Config", "build"]


def build(
    config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
) -> Source:
    """Make the source that reads Reddit."""
    return RedditSource(config, client=client, clock=clock, brands=brands)
