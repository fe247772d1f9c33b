"""VKontakte: walls and comments, search, the stream, and what happens in own communities."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from ingest.http import PoliteClient
from ingest.source import Source
from ingest.vk.config import Config

__all__ = ["Config", "build"]


def build(
    config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
) -> Source:
    """Make the source that listens in the configured way; `search` and `stream` ask for the brands."""
    if config.via == "wall":
        from ingest.vk.wall import WallSource

        return WallSource(config, client=client, clock=clock)
    if config.via == "search":
        from ingest.vk.search import SearchSource

        return SearchSource(config, client=client, clock=clock, brands=brands)
    from ingest.vk.push import build_push

    return build_push(config, client=client, clock=clock, brands=brands)
