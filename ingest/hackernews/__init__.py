"""Hacker News: stories and comments, by its search service."""

from collections.abc import Callable
from datetime import datetime

from ingest.hackernews.config import Config
from ingest.hackernews.source import HackerNewsSource
from ingest.http import PoliteClient
from ingest.source import Source

__all__ = ["Config", "build"]


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> Source:
    """Make the source that searches Hacker News."""
    return HackerNewsSource(config, client=client, clock=clock)
