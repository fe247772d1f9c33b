"""YouTube: comments under the videos of channels, under single videos, and under videos that a search finds."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from domain.query.phrases import phrases
from ingest.http import PoliteClient
from ingest.source import Source
from ingest.youtube.config import Config
from ingest.youtube.source import YouTubeSource

__all__ = ["Config", "build"]


def build(
    config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
) -> Source:
    """Make the source that listens to YouTube; `brands` is what it searches for."""
    wanted = dict.fromkeys(one.quoted() for brand in brands for one in phrases(brand))
    return YouTubeSource(config, client=client, clock=clock, phrases=tuple(wanted))
