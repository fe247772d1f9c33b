"""Lemmy: posts and comments of one instance and of those it hears, by its API (version 3)."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from ingest.http import PoliteClient
from ingest.lemmy.config import Config
from ingest.lemmy.source import LemmySource

__all__ = ["Config", "LemmySource", "build"]


def build(
    config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
) -> LemmySource:
    """Make the source of one instance."""
    return LemmySource(config, client=client, clock=clock, brands=brands)
