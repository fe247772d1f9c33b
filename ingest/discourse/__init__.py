"""Discourse: what is written in one forum, all of it or what the forum's own search finds about the brands."""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.brand import Brand
from ingest.discourse.config import Config
from ingest.discourse.source import DiscourseSource
from ingest.http import PoliteClient

__all__ = ["Config", "DiscourseSource", "build"]


def build(
    config: Config, *, client: PoliteClient, clock: Callable[[], datetime], brands: Sequence[Brand] = ()
) -> DiscourseSource:
    """Make the source of one forum."""
    return DiscourseSource(config, client=client, clock=clock, brands=brands)
