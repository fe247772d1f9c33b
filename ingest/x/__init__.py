"""X: posts as they are written, by its filtered stream, or by recent search, within a spending cap."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from ingest.http import PoliteClient
from ingest.source import Source
from ingest.x.config import Config
from ingest.x.source import SearchSource
from ingest.x.stream import StreamSource

__all__ = ["Config", "build"]


def build(
    config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
) -> Source:
    """Make the source that listens to X in the configured way."""
    if config.via == "search":
        return SearchSource(config, client=client, clock=clock, brands=brands)
    return StreamSource(config, client=client, clock=clock, brands=brands)
